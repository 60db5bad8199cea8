import type { ToMap } from "./messages.ts";

const zoomStep = 1.35;

/** What a key on the focused map means to it; undefined for keys that are not the map's. */
export function mapKey(key: string, { width, height }: { width: number; height: number }): ToMap | undefined {
  const middle = { x: width / 2, y: height / 2 };
  switch (key) {
    case "ArrowLeft":
      return { type: "step", dx: -1, dy: 0 };
    case "ArrowRight":
      return { type: "step", dx: 1, dy: 0 };
    case "ArrowUp":
      return { type: "step", dx: 0, dy: -1 };
    case "ArrowDown":
      return { type: "step", dx: 0, dy: 1 };
    case "+":
    case "=":
      return { type: "zoom", factor: zoomStep, ...middle };
    case "-":
      return { type: "zoom", factor: 1 / zoomStep, ...middle };
    case "Enter":
    case " ":
      return { type: "toggle" };
    case "0":
      return { type: "fit" };
    default:
      return undefined;
  }
}
