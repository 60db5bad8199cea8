import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import type { Selection } from "../view.ts";
import type { ThemeName } from "./palette.ts";

/** What the page tells the map's worker. Coordinates are CSS pixels from the canvas' top left corner. */
export type ToMap =
  | {
      readonly type: "start";
      readonly canvas: OffscreenCanvas;
      readonly size: Size;
      readonly theme: ThemeName;
      readonly moves: boolean;
    }
  | { readonly type: "size"; readonly size: Size }
  | { readonly type: "theme"; readonly theme: ThemeName }
  /** Whether traffic is drawn as moving dots and the view glides. */
  | { readonly type: "moves"; readonly moves: boolean }
  | { readonly type: "visible"; readonly visible: boolean }
  /** The machine in the middle, and whether links have rates of this moment. */
  | { readonly type: "situation"; readonly centre: string; readonly isLive: boolean }
  | { readonly type: "map"; readonly topology: Topology }
  | { readonly type: "change"; readonly change: TopologyChange }
  | { readonly type: "select"; readonly selection: Selection | undefined }
  | { readonly type: "hover"; readonly x: number; readonly y: number }
  | { readonly type: "leave" }
  | { readonly type: "click"; readonly x: number; readonly y: number }
  | { readonly type: "pan"; readonly dx: number; readonly dy: number }
  | { readonly type: "zoom"; readonly factor: number; readonly x: number; readonly y: number }
  | { readonly type: "fit" }
  | { readonly type: "step"; readonly dx: number; readonly dy: number }
  | { readonly type: "ask"; readonly number: number; readonly selection: Selection };

/** What the worker tells the page. */
export type FromMap =
  | {
      readonly type: "hover";
      readonly selection: Selection | undefined;
      readonly x: number;
      readonly y: number;
    }
  | { readonly type: "select"; readonly selection: Selection | undefined }
  | { readonly type: "drawn"; readonly drawn: Drawn }
  | { readonly type: "answer"; readonly number: number; readonly answer: DrawnLink | DrawnPeer | undefined };

export interface Size {
  readonly width: number;
  readonly height: number;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
}

/** The last whole picture. */
export interface Drawn {
  readonly pictureCount: number;
  /** Of the whole map; how many of the links were in view stands beside. */
  readonly peers: number;
  readonly links: number;
  readonly linksInView: number;
  readonly labels: number;
  /** Script time of the last whole picture. */
  readonly milliseconds: number;
  readonly scale: number;
}

/** How a link stands in the last picture, with the figures it was drawn from. */
export interface DrawnLink {
  readonly id: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connections: number;
  readonly failed: number;
  readonly rate: number;
  readonly width: number;
  readonly look: string;
  readonly isDashed: boolean;
  /** Its middle. */
  readonly x: number;
  readonly y: number;
  readonly isInView: boolean;
}

export interface DrawnPeer {
  readonly id: string;
  readonly name: string;
  /** On the screen. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly isInView: boolean;
  /** On the map, wherever one looks from. */
  readonly place: { readonly x: number; readonly y: number };
}
