import { emptyLayout, type LayoutState, layout } from "../../../src/topology/layout.ts";
import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import { TopologyState } from "../data/topology-state.ts";
import { LayoutGlide } from "./layout-glide.ts";
import { boundsOfLayout, buildScene, type Scene } from "./scene.ts";

/** Peers of a map on which a few are still found where they were. */
const smallMap = 150;

/** The topology as it arrives, laid out: what there is to draw at this moment. */
export class SceneKeeper {
  readonly #state = new TopologyState();
  readonly #glide = new LayoutGlide();
  #waiting: (Topology | TopologyChange)[] = [];
  /** Where everything belongs, and where it is shown on its way there. */
  #layout: LayoutState = emptyLayout;
  #shown: LayoutState = emptyLayout;
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

  /** Messages wait for the next frame; behind a hidden page no frame comes, so a long queue is worked off at once. */
  take(message: Topology | TopologyChange): void {
    this.#waiting.push(message);
    if (this.#waiting.length > 30) this.#applyWaiting();
  }

  /** Brings the scene up to this moment; returns whether it is another one now. */
  update({ spread, moves, now }: { spread: number; moves: boolean; now: number }): boolean {
    this.#applyWaiting();
    if (!moves) this.#glide.stop();
    if (!this.#isStale && this.#shown === this.#layout) return false;
    if (this.#isStale) {
      this.#isStale = false;
      const laid = { peers: [...this.#state.peers.values()], links: [...this.#state.links.values()] };
      const isOtherQuestion = this.#isOtherQuestion;
      this.#isOtherQuestion = false;
      this.#layout = layout(this.#layout, laid, { centre: this.#centre, spread, isOtherQuestion });
      this.#bounds = boundsOfLayout(this.#layout);
      if (moves) this.#glide.begin(this.#shown, this.#layout, now);
    }
    this.#shown = this.#glide.at(this.#layout, now);
    this.#scene = { ...this.#build(this.#shown), bounds: this.#bounds };
    return true;
  }

  #build(shown: LayoutState): Scene {
    return buildScene(this.#state, shown, { centre: this.#centre, isLive: this.#isLive });
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
    this.#layout = emptyLayout;
    this.#shown = emptyLayout;
    this.#glide.stop();
  }
}
