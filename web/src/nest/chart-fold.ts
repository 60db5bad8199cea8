import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { hasTrouble } from "../map/link-look.ts";
import { type ChartLink, type ComparedLink, foldLinks } from "./chart-link.ts";
import { NestOpener } from "./nest-opener.ts";
import type { NestGroup, NestKind } from "./nest-path.ts";
import { buildTree, type NestTree } from "./nest-tree.ts";
import type { Openness } from "./openness.ts";

/** What is drawn of a topology: open groups around signs, a sign for each peer or closed group, and links between signs. */
export interface Chart {
  readonly from: number;
  readonly to: number;
  /** Open groups, each before those inside it. */
  readonly groups: ReadonlyMap<string, ChartGroup>;
  readonly signs: ReadonlyMap<string, ChartSign>;
  readonly links: ReadonlyMap<string, ChartLink>;
  /** Under which sign each peer is drawn. */
  readonly signOf: ReadonlyMap<string, string>;
  /** Signs of groups within which links have trouble. */
  readonly troubled: ReadonlySet<string>;
}

export interface ChartGroup extends NestGroup {
  readonly parent: string;
  readonly peerCount: number;
}

export interface ChartSign {
  readonly id: string;
  /** What is drawn: `unresolved` is a peer of which it is not known who it is. */
  readonly kind: TopologyPeer["kind"] | NestKind | "more" | "unresolved";
  readonly name: string;
  /** The open group it stands in, "" for none. */
  readonly parent: string;
  /** Peers behind it: 1 for a peer. */
  readonly peerCount: number;
  readonly bytes: number;
  /** A closed group, or what is left out of an open one. */
  readonly isGroup: boolean;
}

/** Folds topologies, one after the other, to charts. */
export class ChartFold {
  readonly #opener = new NestOpener();
  #links: ReturnType<typeof foldLinks> = new Map();

  /** Another question is asked: what was decided for the last one counts no more. */
  forget(): void {
    this.#opener.forget();
  }

  fold(topology: Topology, openness: Openness): Chart {
    const tree = buildTree(topology);
    const open = this.#opener.open(tree, openness);
    const groups = new Map<string, ChartGroup>();
    for (const { id, kind, name, parent, peerCount } of tree.groups.values())
      if (open.has(id)) groups.set(id, { id, kind, name, parent, peerCount });
    const hidden = this.#hidden(tree, open, openness);
    const signs = new Map<string, ChartSign>();
    const signOf = new Map<string, string>();
    for (const peer of topology.peers.values()) {
      const sign = signFor(peer, tree, open, hidden);
      signOf.set(peer.id, sign.id);
      const known = signs.get(sign.id);
      if (known === undefined) signs.set(sign.id, sign);
      else if (sign.kind === "more")
        signs.set(sign.id, { ...known, peerCount: known.peerCount + 1, bytes: known.bytes + sign.bytes });
    }
    const { from, to } = topology;
    this.#links = foldLinks(topology.links, signOf, signs, this.#links);
    const troubled = troubledWithin(topology.links, signOf);
    return { from, to, groups, signs, signOf, troubled, links: this.#links };
  }

  /** Members of open groups for which there is no room. */
  #hidden(tree: NestTree, open: ReadonlySet<string>, { detail, opened }: Openness): Set<string> {
    const hidden = new Set<string>();
    for (const id of open) {
      const group = tree.groups.get(id)!;
      const members = [...group.groups, ...group.peers];
      const weightOf = (member: string) =>
        open.has(member)
          ? Number.MAX_VALUE
          : (tree.groups.get(member)?.bytes ?? tree.bytesOf.get(member) ?? 0);
      const isAll = detail === "open" || opened.includes(`more:${id}`);
      const shown = this.#opener.shown(group, members, weightOf, isAll);
      if (shown.size < members.length)
        for (const member of members) if (!shown.has(member)) hidden.add(member);
    }
    return hidden;
  }
}

/** What a closed group says within itself is not drawn, but that something is wrong there is. */
function troubledWithin(
  links: ReadonlyMap<string, ComparedLink>,
  signOf: ReadonlyMap<string, string>,
): Set<string> {
  const troubled = new Set<string>();
  for (const link of links.values()) {
    // Compared windows are looked at for what changed.
    if (link.baseRate !== undefined || !hasTrouble(link)) continue;
    const sign = signOf.get(link.client);
    if (sign !== undefined && sign === signOf.get(link.server)) troubled.add(sign);
  }
  return troubled;
}

interface Topology {
  readonly from: number;
  readonly to: number;
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly links: ReadonlyMap<string, TopologyLink>;
}

/** The outermost closed group around a peer, else the peer itself, else what stands for those without room. */
function signFor(
  peer: TopologyPeer,
  { groups, parentOf, bytesOf }: NestTree,
  open: ReadonlySet<string>,
  hidden: ReadonlySet<string>,
): ChartSign {
  const bytes = bytesOf.get(peer.id) ?? 0;
  let member = peer.id;
  let parent = parentOf.get(peer.id)!;
  let closed = "";
  for (let at = parent; at !== ""; at = groups.get(at)!.parent) {
    if (open.has(at)) continue;
    closed = at;
    parent = groups.get(at)!.parent;
  }
  if (closed !== "") member = closed;
  if (hidden.has(member)) {
    const id = `more:${parent}`;
    return { id, kind: "more", name: "", parent, peerCount: 1, bytes, isGroup: true };
  }
  if (closed === "") {
    const { id, name } = peer;
    const kind = peer.unresolved === undefined ? peer.kind : "unresolved";
    return { id, kind, name: name === "" ? id : name, parent, peerCount: 1, bytes, isGroup: false };
  }
  const { id, kind, name, peerCount, bytes: groupBytes } = groups.get(closed)!;
  return { id, kind, name, parent, peerCount, bytes: groupBytes, isGroup: true };
}
