import type { TopologyFollower } from "../data/topology-store.ts";
import type { Selection } from "../view.ts";
import type { Drawn, DrawnLink, DrawnPeer, FromMap, Size, ToMap } from "./messages.ts";
import type { ThemeName } from "./palette.ts";

export interface MapListeners {
  readonly onHover: (selection: Selection | undefined, x: number, y: number) => void;
  readonly onSelect: (selection: Selection | undefined) => void;
  readonly onDrawn: (drawn: Drawn) => void;
}

/** The page's end of the map: a canvas given to a worker, and messages to and from it. */
export class MapClient implements TopologyFollower {
  readonly #worker: Worker;
  readonly #canvas: HTMLCanvasElement;
  readonly #questions = new Map<number, (answer: DrawnLink | DrawnPeer | undefined) => void>();
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

  setMap(topology: Parameters<TopologyFollower["setMap"]>[0]): void {
    this.send({ type: "map", topology });
  }

  apply(change: Parameters<TopologyFollower["apply"]>[0]): void {
    this.send({ type: "change", change });
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

  close(): void {
    this.#worker.terminate();
  }

  #hear(message: FromMap, { onHover, onSelect, onDrawn }: MapListeners): void {
    if (message.type === "hover") onHover(message.selection, message.x, message.y);
    else if (message.type === "select") onSelect(message.selection);
    else if (message.type === "drawn") onDrawn(message.drawn);
    else {
      this.#questions.get(message.number)?.(message.answer);
      this.#questions.delete(message.number);
    }
  }

  #size(): Size {
    const { width, height } = this.#canvas.getBoundingClientRect();
    return { width, height, ratio: Math.min(3, devicePixelRatio) };
  }
}
