import type { Spot } from "../../../src/topology/layout.ts";
import type { TopologyFollower } from "../data/topology-store.ts";
import type { Selection } from "../view.ts";
import type { Drawn, DrawnLink, DrawnPeer, FromMap, Size, ToMap } from "./messages.ts";
import type { ThemeName } from "./palette.ts";

export interface MapListeners {
  readonly onHover: (selection: Selection | undefined, x: number, y: number) => void;
  readonly onSelect: (selection: Selection | undefined) => void;
  readonly onDrawn: (drawn: Drawn) => void;
  /** A group is to be opened or closed. */
  readonly onOpen: (id: string, isOpen: boolean) => void;
  readonly onPin: (id: string, spot: Spot) => void;
  /** Where things are, for the next visit. */
  readonly onHomes: (homes: readonly (readonly [string, Spot])[]) => void;
}

/** The page's end of the map: a canvas given to a worker, and messages to and from it. */
export class MapClient implements TopologyFollower {
  readonly #worker: Worker;
  readonly #canvas: HTMLCanvasElement;
  readonly #questions = new Map<number, (answer: DrawnLink | DrawnPeer | undefined) => void>();
  readonly #exports = new Map<number, (file: Blob) => void>();
  #questionCount = 0;

  constructor(canvas: HTMLCanvasElement, theme: ThemeName, moves: boolean, listeners: MapListeners) {
    this.#canvas = canvas;
    this.#worker = new Worker(new URL("./map-worker.ts", import.meta.url), { type: "module", name: "map" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromMap>) =>
      this.#hear(data, listeners),
    );
    const offscreen = canvas.transferControlToOffscreen();
    const start: ToMap = { type: "start", canvas: offscreen, size: this.#size(), theme, moves };
    this.#worker.postMessage(start, [offscreen]);
  }

  send(message: ToMap): void {
    this.#worker.postMessage(message);
  }

  take(json: string): void {
    this.send({ type: "topology", json });
  }

  measure(): void {
    const size = this.#size();
    if (size.width > 0 && size.height > 0) this.send({ type: "size", size });
  }

  ask(selection: Selection): Promise<DrawnLink | DrawnPeer | undefined> {
    const number = ++this.#questionCount;
    this.send({ type: "ask", number, selection });
    return new Promise((resolve) => this.#questions.set(number, resolve));
  }

  /** The map as it is seen now. */
  export(format: "png" | "svg"): Promise<Blob> {
    const number = ++this.#questionCount;
    this.send({ type: "export", number, format });
    return new Promise((resolve) => this.#exports.set(number, resolve));
  }

  close(): void {
    this.#worker.terminate();
  }

  #hear(message: FromMap, listeners: MapListeners): void {
    switch (message.type) {
      case "hover":
        listeners.onHover(message.selection, message.x, message.y);
        break;
      case "select":
        listeners.onSelect(message.selection);
        break;
      case "open":
      case "close":
        listeners.onOpen(message.id, message.type === "open");
        break;
      case "pin":
        listeners.onPin(message.id, message.spot);
        break;
      case "homes":
        listeners.onHomes(message.homes);
        break;
      case "drawn":
        listeners.onDrawn(message.drawn);
        break;
      case "exported":
        this.#exports.get(message.number)?.(message.file);
        this.#exports.delete(message.number);
        break;
      case "answer":
        this.#questions.get(message.number)?.(message.answer);
        this.#questions.delete(message.number);
        break;
    }
  }

  #size(): Size {
    const { width, height } = this.#canvas.getBoundingClientRect();
    return { width, height, ratio: Math.min(3, devicePixelRatio) };
  }
}
