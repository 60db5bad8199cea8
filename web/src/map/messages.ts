import type { Spot } from "../../../src/topology/layout.ts";
import type { Openness } from "../nest/openness.ts";
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
  | { readonly type: "covered"; readonly covered: Covered }
  | { readonly type: "theme"; readonly theme: ThemeName }
  /** Whether traffic is drawn as moving dots and the view glides. */
  | { readonly type: "moves"; readonly moves: boolean }
  | { readonly type: "visible"; readonly visible: boolean }
  /** The machine in the middle, and whether links have rates of this moment. */
  | { readonly type: "situation"; readonly centre: string; readonly isLive: boolean }
  | { readonly type: "openness"; readonly openness: Openness }
  /** Homes of the last visit, and what was put somewhere by hand; in lattice steps within their container. */
  | {
      readonly type: "places";
      readonly homes: ReadonlyMap<string, Spot>;
      readonly pins: ReadonlyMap<string, Spot>;
    }
  /** A Topology or a TopologyChange as JSON: half the time of the browser's own copying of as many objects. */
  | { readonly type: "topology"; readonly json: string }
  | { readonly type: "select"; readonly selection: Selection | undefined }
  | { readonly type: "hover"; readonly x: number; readonly y: number }
  | { readonly type: "leave" }
  | { readonly type: "click"; readonly x: number; readonly y: number }
  /** A second click right after the first. */
  | { readonly type: "open-at"; readonly x: number; readonly y: number }
  /** A button goes down; what is there is dragged by the pans that follow, until the release. */
  | { readonly type: "press"; readonly x: number; readonly y: number }
  | { readonly type: "release" }
  | { readonly type: "pan"; readonly dx: number; readonly dy: number }
  | { readonly type: "zoom"; readonly factor: number; readonly x: number; readonly y: number }
  | { readonly type: "fit" }
  | { readonly type: "step"; readonly dx: number; readonly dy: number }
  /** Opens or closes what is selected. */
  | { readonly type: "toggle" }
  | { readonly type: "export"; readonly number: number; readonly format: "png" | "svg" }
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
  | { readonly type: "open" | "close"; readonly id: string }
  | { readonly type: "pin"; readonly id: string; readonly spot: Spot }
  | { readonly type: "homes"; readonly homes: readonly (readonly [string, Spot])[] }
  | { readonly type: "exported"; readonly number: number; readonly file: Blob }
  | { readonly type: "drawn"; readonly drawn: Drawn }
  | { readonly type: "answer"; readonly number: number; readonly answer: DrawnLink | DrawnPeer | undefined };

export interface Size {
  readonly width: number;
  readonly height: number;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
}

/** Pixels of the map that banners and legend lie over: nothing is put there by itself. */
export interface Covered {
  readonly top: number;
  readonly bottom: number;
}

/** The last whole picture. */
export interface Drawn {
  readonly pictureCount: number;
  /** Frames shown until then: pictures, and the last one moved. */
  readonly frameCount: number;
  /** Of the whole map; how many of the links were in view stands beside. */
  readonly peers: number;
  readonly groups: number;
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
  /** A group that is open: an area, not a sign. */
  readonly isOpen: boolean;
  readonly isGroup: boolean;
  readonly peerCount: number;
  readonly name: string;
  /** On the screen. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly isInView: boolean;
  /** On the map, wherever one looks from. */
  readonly place: { readonly x: number; readonly y: number };
}
