import {
  emptyLayout,
  type LayoutNode,
  type LayoutState,
  layout,
  type Spot,
  stepsWithin,
} from "../../../src/topology/layout.ts";
import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import { TopologyState } from "../data/topology-state.ts";
import { type Chart, ChartFold } from "../nest/chart-fold.ts";
import { defaultOpenness, isSameOpenness, type Openness } from "../nest/openness.ts";
import { LayoutGlide } from "./layout-glide.ts";
import { boundsOfLayout, buildScene, type Scene } from "./scene.ts";

/** Peers of a map on which a few are still found where they were. */
const smallMap = 150;
/** Homes kept for the next visit. */
const homesMax = 3000;

/** The topology as it arrives, folded and laid out: what there is to draw at this moment. */
export class SceneKeeper {
  readonly #state = new TopologyState();
  readonly #fold = new ChartFold();
  readonly #glide = new LayoutGlide();
  #waiting: (Topology | TopologyChange)[] = [];
  #openness: Openness = defaultOpenness;
  #chart: Chart = this.#fold.fold(this.#state, defaultOpenness);
  /** Where everything belongs, and where it is shown on its way there. */
  #layout: LayoutState = emptyLayout;
  #shown: LayoutState = emptyLayout;
  #homes: ReadonlyMap<string, Spot> = new Map();
  #pins: ReadonlyMap<string, Spot> = new Map();
  #dragged: { readonly id: string; readonly spot: Spot } | undefined;
  #told: LayoutState["containers"] | undefined;
  #centre = "";
  #isLive = true;
  #isStale = true;
  #isOtherQuestion = false;
  #scene: Scene = this.#build(emptyLayout);
  /** Of where everything will be: the view does not follow each step on the way. */
  #bounds = this.#scene.bounds;

  get scene(): Scene {
    return this.#scene;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  get isGliding(): boolean {
    return this.#glide.isUnderWay;
  }

  setSituation(centre: string, isLive: boolean): void {
    if (centre !== this.#centre) this.#forgetLayout();
    this.#centre = centre;
    this.#isLive = isLive;
    this.#isStale = true;
  }

  setOpenness(openness: Openness): void {
    if (isSameOpenness(openness, this.#openness)) return;
    this.#openness = openness;
    this.#isStale = true;
  }

  /** Homes of an earlier visit, and what was put somewhere by hand: in lattice steps within the container. */
  setPlaces(homes: ReadonlyMap<string, Spot>, pins: ReadonlyMap<string, Spot>): void {
    this.#homes = homes;
    this.#pins = pins;
    this.#isStale = true;
  }

  /** Shows a sign elsewhere for as long as it is dragged: everything else stays. */
  drag(id: string, spot: Spot): void {
    this.#dragged = { id, spot };
    this.#isStale = true;
  }

  /** Puts a sign or an open group somewhere on the map for good; returns where that is in its container. */
  put(id: string, spot: Spot): Spot | undefined {
    this.#dragged = undefined;
    const parent = this.#chart.signs.get(id)?.parent ?? this.#chart.groups.get(id)?.parent;
    if (parent === undefined) return undefined;
    const pin = stepsWithin(this.#layout, parent, spot);
    this.#pins = new Map(this.#pins).set(id, pin);
    this.#isStale = true;
    this.#glide.stop();
    return pin;
  }

  /** For the next visit; undefined when they are those that were told last. */
  homes(): [string, Spot][] | undefined {
    const { containers } = this.#layout;
    if (containers === this.#told) return undefined;
    this.#told = containers;
    const homes: [string, Spot][] = [];
    for (const { members } of containers.values())
      for (const [id, { home }] of members) if (homes.length < homesMax) homes.push([id, home]);
    return homes;
  }

  /** Messages wait for the next frame; behind a hidden page no frame comes, so a long queue is worked off at once. */
  take(message: Topology | TopologyChange): void {
    this.#waiting.push(message);
    if (this.#waiting.length > 30) this.#applyWaiting();
  }

  /** Brings the scene up to this moment; returns whether it is another one now. */
  update({ spread, moves, now }: { spread: number; moves: boolean; now: number }): boolean {
    this.#applyWaiting();
    if (!moves) this.#glide.stop();
    if (!this.#isStale && (this.#shown === this.#layout || this.#dragged !== undefined)) return false;
    if (this.#isStale) {
      this.#isStale = false;
      this.#chart = this.#fold.fold(this.#state, this.#openness);
      this.#layOut(spread);
      if (moves) this.#glide.begin(this.#shown, this.#layout, now);
    }
    this.#shown = this.#withDragged(this.#glide.at(this.#layout, now));
    this.#scene = { ...this.#build(this.#shown), bounds: this.#bounds };
    return true;
  }

  #withDragged(shown: LayoutState): LayoutState {
    const place = shown.places.get(this.#dragged?.id ?? "");
    if (this.#dragged === undefined || place === undefined) return shown;
    const { id, spot } = this.#dragged;
    return { ...shown, places: new Map(shown.places).set(id, { ...place, ...spot }) };
  }

  #layOut(spread: number): void {
    const isOtherQuestion = this.#isOtherQuestion;
    this.#isOtherQuestion = false;
    this.#layout = layout(this.#layout, nodesOf(this.#chart), {
      ...{ spread, isOtherQuestion, homes: this.#homes, pins: this.#pins },
      centre: `node:${this.#centre}`,
    });
    this.#bounds = boundsOfLayout(this.#layout, this.#chart.groups);
  }

  #build(shown: LayoutState): Scene {
    const pinned = new Set(this.#pins?.keys());
    return buildScene(this.#chart, shown, { centre: this.#centre, isLive: this.#isLive, pinned });
  }

  #applyWaiting(): void {
    for (const message of this.#waiting) {
      if ("goneLinks" in message) this.#state.apply(message);
      else {
        if (this.#isOtherMap(message)) this.#forgetLayout();
        this.#state.setMap(message);
        this.#isOtherQuestion = true;
      }
      this.#isStale = true;
    }
    this.#waiting = [];
  }

  /**
   * A map that shares less than half of its peers with the last is another one, and is laid out anew. So are a few peers
   * out of very many, which would stand far apart.
   */
  #isOtherMap({ peers }: Topology): boolean {
    const before = this.#state.peers.size;
    const known = peers.filter(({ id }) => this.#state.peers.has(id)).length;
    return known * 2 < (before > smallMap ? Math.max(peers.length, before) : peers.length);
  }

  #forgetLayout(): void {
    this.#fold.forget();
    this.#layout = emptyLayout;
    this.#shown = emptyLayout;
    this.#glide.stop();
  }
}

function nodesOf({ groups, signs }: Chart): LayoutNode[] {
  const nodes: LayoutNode[] = [];
  for (const { id, parent } of groups.values()) nodes.push({ id, parent, isContainer: true, weight: 0 });
  for (const { id, parent, bytes, kind } of signs.values())
    nodes.push({ id, parent, isContainer: false, weight: kind === "more" ? -1 : bytes });
  return nodes;
}
