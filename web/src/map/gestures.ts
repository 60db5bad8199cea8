import type { ToMap } from "./messages.ts";

/** Two clicks within this time and this near are one double click. */
const doubleMilliseconds = 350;
/** A pointer that moved less is a click. */
const clickPixels = 4;

/** Turns mouse, pen and fingers on the map into its messages. Returns how to stop listening. */
export function listenToGestures(host: HTMLElement, send: (message: ToMap) => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const pointers = new Map<number, { x: number; y: number }>();
  let travelled = 0;
  let last = { time: Number.NEGATIVE_INFINITY, x: 0, y: 0 };

  const spot = (event: MouseEvent) => {
    const { left, top } = host.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  function onDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    host.setPointerCapture(event.pointerId);
    if (pointers.size === 0) travelled = 0;
    pointers.set(event.pointerId, spot(event));
    if (pointers.size > 1) travelled = clickPixels;
    // A finger that lands on a sign still pans.
    else if (event.pointerType === "mouse") send({ type: "press", ...spot(event) });
  }

  function onMove(event: PointerEvent): void {
    const to = spot(event);
    const from = pointers.get(event.pointerId);
    if (from === undefined) {
      if (event.pointerType === "mouse") send({ type: "hover", ...to });
      return;
    }
    if (pointers.size === 2) pinch(event.pointerId, from, to);
    travelled += Math.hypot(to.x - from.x, to.y - from.y);
    if (travelled >= clickPixels) {
      host.dataset.dragging = "";
      send({ type: "pan", dx: (to.x - from.x) / pointers.size, dy: (to.y - from.y) / pointers.size });
    }
    if (travelled >= clickPixels || pointers.size > 1) pointers.set(event.pointerId, to);
  }

  function pinch(moved: number, from: { x: number; y: number }, to: { x: number; y: number }): void {
    const [, other] = [...pointers].find(([id]) => id !== moved)!;
    const before = Math.hypot(from.x - other.x, from.y - other.y);
    const after = Math.hypot(to.x - other.x, to.y - other.y);
    if (before > 10)
      send({ type: "zoom", factor: after / before, x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 });
  }

  function onUp(event: PointerEvent): void {
    const isKnown = pointers.delete(event.pointerId);
    delete host.dataset.dragging;
    if (isKnown && pointers.size === 0) send({ type: "release" });
    if (isKnown && event.type === "pointerup" && pointers.size === 0 && travelled < clickPixels) {
      click(spot(event), event.timeStamp);
    }
  }

  function click(at: { x: number; y: number }, time: number): void {
    const isSecond = time - last.time < doubleMilliseconds && Math.hypot(at.x - last.x, at.y - last.y) < 8;
    last = isSecond ? { time: Number.NEGATIVE_INFINITY, ...at } : { time, ...at };
    send({ type: isSecond ? "open-at" : "click", ...at });
  }

  function onWheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const steps = Math.max(-120, Math.min(120, event.deltaY * lines));
    // A touchpad's pinch arrives as a wheel with ctrl, in much smaller steps.
    send({ type: "zoom", factor: Math.exp(-steps * (event.ctrlKey ? 0.01 : 0.0022)), ...spot(event) });
  }

  host.addEventListener("pointerdown", onDown, { signal });
  host.addEventListener("pointermove", onMove, { signal });
  host.addEventListener("pointerup", onUp, { signal });
  host.addEventListener("pointercancel", onUp, { signal });
  host.addEventListener("pointerleave", () => send({ type: "leave" }), { signal });
  host.addEventListener("wheel", onWheel, { signal, passive: false });
  return () => stop.abort();
}
