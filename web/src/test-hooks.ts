import type { LiveState } from "./data/live.ts";
import type { TopologyStore } from "./data/topology-store.ts";
import type { MapClient } from "./map/map-client.ts";
import type { Drawn, DrawnLink, DrawnPeer } from "./map/messages.ts";

/**
 * What can be asked about the page from outside, for end-to-end tests and the curious: `window.portolan`. Reading only.
 * The canvas itself says nothing, so the worker is asked what it drew.
 */
export interface PortolanWindow {
  readonly topology: () => { from: number; to: number; peers: number; links: number };
  readonly link: (id: string) => unknown;
  readonly peer: (id: string) => unknown;
  readonly links: () => unknown[];
  readonly peers: () => unknown[];
  readonly drawn: () => Drawn | undefined;
  /** How a link stands in the last whole picture, with the figures it was drawn from; undefined when it is not drawn. */
  readonly drawnLink: (id: string) => Promise<DrawnLink | undefined>;
  readonly drawnPeer: (id: string) => Promise<DrawnPeer | undefined>;
}

let lastDrawn: Drawn | undefined;
let map: MapClient | undefined;

export function exposeForTests({ state }: TopologyStore): void {
  const portolan: PortolanWindow = {
    topology: () => ({ from: state.from, to: state.to, peers: state.peers.size, links: state.links.size }),
    link: (id) => state.links.get(id),
    peer: (id) => state.peers.get(id),
    links: () => [...state.links.values()],
    peers: () => [...state.peers.values()],
    drawn: () => lastDrawn,
    drawnLink: async (id) => (await map?.ask({ kind: "link", id })) as DrawnLink | undefined,
    drawnPeer: async (id) => (await map?.ask({ kind: "peer", id })) as DrawnPeer | undefined,
  };
  Object.defineProperty(window, "portolan", { value: Object.freeze(portolan) });
}

/** `<html data-drawn-links data-drawn-peers data-pictures>`. */
export function showDrawn(drawn: Drawn, client: MapClient): void {
  lastDrawn = drawn;
  map = client;
  const { dataset } = document.documentElement;
  dataset.drawnLinks = String(drawn.links);
  dataset.drawnPeers = String(drawn.peers);
  dataset.pictures = String(drawn.pictureCount);
}

/** `<html data-feed>`: connecting, open, refused, away, shown or failed. */
export function showFeed(kind: LiveState["kind"] | "shown" | "failed"): void {
  document.documentElement.dataset.feed = kind;
}
