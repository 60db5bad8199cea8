import type { Spot } from "../../../src/topology/layout.ts";
import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import type { Openness } from "../nest/openness.ts";
import type { Selection } from "../view.ts";
import { drawFocus, type Focus, focusOf } from "./draw/draw-focus.ts";
import { drawAll, drawPicture } from "./draw/draw-picture.ts";
import { drawPulses, pulsingLinks } from "./draw/draw-pulses.ts";
import { drawSvg } from "./draw/draw-svg.ts";
import type { Context, Pen } from "./draw/pen.ts";
import { Picture } from "./draw/picture.ts";
import { describeGroup, describeLink, describePeer } from "./drawn-answers.ts";
import { hitHeading, hitTest, peerToward } from "./hit-test.ts";
import type { Covered, Drawn, DrawnLink, DrawnPeer, FromMap, Size } from "./messages.ts";
import { palettes, type ThemeName } from "./palette.ts";
import type { Scene, SceneLink } from "./scene.ts";
import { SceneKeeper } from "./scene-keeper.ts";
import { Viewpoint } from "./viewpoint.ts";

/** With no more links in view a whole picture is drawn in every frame; else the last one is moved until the hand rests. */
const quickLinks = 400;
const restMilliseconds = 90;
/** Moving dots alone need no more than 30 frames per second. */
const pulseMilliseconds = 30;
/** Of each frame on the way for the next picture, when the last one is moved out of view. */
const sliceMilliseconds = 8;
const dimmed = 0.3;
/** Where things are is told this long after they came to rest. */
const homesMilliseconds = 3000;

/**
 * The drawn chart: topology in, pictures out, at most one per frame. Lives in a worker; whoever owns it calls `frame`
 * when asked by `requestFrame`.
 */
export class Chart {
  readonly #canvas: OffscreenCanvas;
  readonly #context: Context;
  readonly #picture = new Picture();
  readonly #tell: (message: FromMap) => void;
  readonly #requestFrame: () => void;
  readonly #keeper = new SceneKeeper();
  /** What the last picture shows; the scene may already be newer. */
  #drawnScene: Scene = this.#keeper.scene;
  /** What the picture that is under way will show, and what it took so far. */
  #begunScene = this.#drawnScene;
  #spent = 0;
  #pulsing: SceneLink[] = [];
  readonly #viewpoint = new Viewpoint();
  #theme: ThemeName = "dark";
  #moves = true;
  #isVisible = true;
  #hovered: Selection | undefined;
  #selected: Selection | undefined;
  #dim = 1;
  #isPictureStale = true;
  #isViewStale = true;
  /** What the pointer drags. */
  #held: { readonly id: string; spot: Spot; isMoved: boolean } | undefined;
  #homesDue: ReturnType<typeof setTimeout> | undefined;
  #lastFrame = 0;
  #wasByHand = false;
  #presentedAt = 0;
  #frameCount = 0;
  #drawn: Drawn = {
    pictureCount: 0,
    frameCount: 0,
    peers: 0,
    groups: 0,
    links: 0,
    linksInView: 0,
    labels: 0,
    milliseconds: 0,
    scale: 1,
  };

  constructor(canvas: OffscreenCanvas, tell: (message: FromMap) => void, requestFrame: () => void) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false })!;
    this.#tell = tell;
    this.#requestFrame = requestFrame;
  }

  setSize(size: Size): void {
    this.#viewpoint.size = size;
    this.#canvas.width = Math.round(size.width * size.ratio);
    this.#canvas.height = Math.round(size.height * size.ratio);
    this.#picture.setSize(size);
    if (this.#viewpoint.follows) this.#viewpoint.fit(this.#scene.bounds);
    this.#redraw();
  }

  setCovered(covered: Covered): void {
    this.#viewpoint.covered = covered;
    const chosen = this.#selected && focusOf(this.#scene, this.#selected.kind, this.#selected.id)?.peers[0];
    if (this.#viewpoint.follows) this.#refit();
    else if (chosen !== undefined) this.#viewpoint.uncover(chosen, performance.now());
    this.#refresh();
  }

  setTheme(theme: ThemeName): void {
    this.#theme = theme;
    this.#redraw();
  }

  setMoves(moves: boolean): void {
    this.#moves = moves;
    this.#refresh();
  }

  setVisible(isVisible: boolean): void {
    this.#isVisible = isVisible;
    if (isVisible) this.#redraw();
  }

  setSituation(centre: string, isLive: boolean): void {
    this.#keeper.setSituation(centre, isLive);
    this.#requestFrame();
  }

  setOpenness(openness: Openness): void {
    this.#keeper.setOpenness(openness);
    this.#requestFrame();
  }

  setPlaces(homes: ReadonlyMap<string, Spot>, pins: ReadonlyMap<string, Spot>): void {
    this.#keeper.setPlaces(homes, pins);
    this.#requestFrame();
  }

  take(message: Topology | TopologyChange): void {
    this.#keeper.take(message);
    this.#requestFrame();
  }

  select(selection: Selection | undefined): void {
    this.#selected = selection;
    this.#refresh();
  }

  hover(x: number, y: number): void {
    const selection = this.#at(x, y, 7);
    const isSame = selection?.id === this.#hovered?.id && selection?.kind === this.#hovered?.kind;
    this.#hovered = selection;
    if (!isSame) this.#refresh();
    if (!isSame || selection !== undefined) this.#tell({ type: "hover", selection, x, y });
  }

  leave(): void {
    if (this.#hovered === undefined) return;
    this.#hovered = undefined;
    this.#tell({ type: "hover", selection: undefined, x: 0, y: 0 });
    this.#refresh();
  }

  /** A heading closes its group, what stands for those left out opens, all else is selected. */
  click(x: number, y: number): void {
    const heading = hitHeading(this.#picture.headings, this.#viewpoint, x, y);
    if (heading !== undefined) {
      this.#tell({ type: "close", id: heading });
      return;
    }
    const selection = this.#at(x, y, 10);
    const sign = selection?.kind === "peer" ? this.#scene.peerById.get(selection.id) : undefined;
    if (sign?.kind === "more") this.#tell({ type: "open", id: sign.id });
    else this.#tell({ type: "select", selection });
  }

  openAt(x: number, y: number): void {
    const selection = this.#at(x, y, 10);
    const sign = selection?.kind === "peer" ? this.#scene.peerById.get(selection.id) : undefined;
    if (sign?.isGroup === true) this.#tell({ type: "open", id: sign.id });
  }

  /** Opens the selected group, or closes it when it is open; of a peer the group around it. */
  toggle(): void {
    if (this.#selected?.kind !== "peer") return;
    const { id } = this.#selected;
    const group = this.#scene.groupById.get(id);
    const sign = this.#scene.peerById.get(id);
    if (group !== undefined) this.#tell({ type: "close", id });
    else if (sign?.isGroup === true) this.#tell({ type: "open", id });
    else {
      const around = this.#scene.groups.find(({ name }) => name === sign?.group);
      if (around === undefined) return;
      this.#tell({ type: "close", id: around.id });
      this.#tell({ type: "select", selection: { kind: "peer", id: around.id } });
    }
  }

  press(x: number, y: number): void {
    const heading = hitHeading(this.#picture.headings, this.#viewpoint, x, y);
    const at = heading === undefined ? this.#at(x, y, 2) : undefined;
    const id = heading ?? (at?.kind === "peer" ? at.id : undefined);
    const thing =
      id === undefined ? undefined : (this.#scene.peerById.get(id) ?? this.#scene.groupById.get(id));
    this.#held = thing && { id: thing.id, spot: { x: thing.x, y: thing.y }, isMoved: false };
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined || !held.isMoved) return;
    const pin = this.#keeper.put(held.id, held.spot);
    if (pin !== undefined) this.#tell({ type: "pin", id: held.id, spot: pin });
    this.#requestFrame();
  }

  /** Selects the next peer in a direction, from the selected one or the middle of the view. */
  step(dx: number, dy: number): void {
    this.#prepare();
    const selected =
      this.#selected?.kind === "peer" ? this.#scene.peerById.get(this.#selected.id) : undefined;
    const from = selected ?? { x: this.#viewpoint.camera.x - dx, y: this.#viewpoint.camera.y - dy };
    const next =
      peerToward(this.#scene, from, dx, dy) ?? (selected === undefined ? this.#scene.peers[0] : undefined);
    if (next === undefined) return;
    this.#tell({ type: "select", selection: { kind: "peer", id: next.id } });
    this.#viewpoint.bringIntoView(next, performance.now());
    this.#requestFrame();
  }

  pan(dx: number, dy: number): void {
    if (this.#held !== undefined) {
      const { scale } = this.#viewpoint.camera;
      this.#held.spot = { x: this.#held.spot.x + dx / scale, y: this.#held.spot.y + dy / scale };
      this.#held.isMoved = true;
      const isGroup = this.#scene.groupById.has(this.#held.id);
      // A group takes all in it along, which the layout does.
      if (isGroup) this.#keeper.put(this.#held.id, this.#held.spot);
      else this.#keeper.drag(this.#held.id, this.#held.spot);
      this.#viewpoint.follows = false;
      this.#requestFrame();
      return;
    }
    this.#viewpoint.pan(dx, dy, performance.now());
    this.#refresh();
  }

  zoom(factor: number, x: number, y: number): void {
    this.#viewpoint.zoom(factor, x, y, performance.now());
    this.#refresh();
  }

  fit(): void {
    this.#viewpoint.follows = true;
    this.#viewpoint.fit(this.#scene.bounds, performance.now());
    this.#requestFrame();
  }

  /** How something stands in the last picture; undefined when it is not drawn. */
  ask({ kind, id }: Selection): DrawnLink | DrawnPeer | undefined {
    if (this.#drawn.pictureCount === 0) return undefined;
    if (kind === "peer") {
      const peer = this.#drawnScene.peerById.get(id);
      if (peer !== undefined) return describePeer(peer, this.#viewpoint);
      const group = this.#drawnScene.groupById.get(id);
      return group && describeGroup(group, this.#viewpoint);
    }
    const link = this.#drawnScene.linkById.get(id);
    return link && describeLink(link, this.#viewpoint);
  }

  /** The map as it is seen now, as a file. */
  async export(format: "png" | "svg"): Promise<Blob> {
    this.#prepare();
    const pen = this.#pen();
    if (format === "svg") return new Blob([drawSvg(pen, this.#scene)], { type: "image/svg+xml" });
    const { width, height, ratio } = pen;
    const canvas = new OffscreenCanvas(Math.round(width * ratio), Math.round(height * ratio));
    const context = canvas.getContext("2d", { alpha: false })!;
    drawAll(drawPicture({ ...pen, context }, this.#scene));
    return await canvas.convertToBlob({ type: "image/png" });
  }

  /** Draws what has to be drawn, and asks for another frame while something moves. */
  frame(now: number): void {
    const isByHand = this.#isByHand(now);
    const isHeld = isByHand && this.#drawn.linksInView > quickLinks;
    // On a heavy map what is new waits until the hand rests: folding it would cost frames.
    if (!isHeld) this.#prepare();
    if (!this.#isVisible) return;
    const glide = this.#viewpoint.step(performance.now(), this.#moves);
    if (glide !== "still") this.#isViewStale = true;
    const isDimming = this.#stepDim(now);
    this.#lastFrame = now;
    const isMoving = isByHand || glide === "gliding";
    const { camera, size } = this.#viewpoint;
    const isQuick = this.#drawn.linksInView <= quickLinks;
    if (isMoving && !isQuick) {
      const isFarOff = this.#picture.isFarOff(camera, size);
      if (this.#picture.isUnderWay || isFarOff) this.#drawPicture(sliceMilliseconds);
    } else if (this.#isPictureStale || this.#picture.camera !== camera) this.#drawPicture();
    const hasPulses = this.#moves && this.#keeper.isLive && this.#pulsing.length > 0;
    const isPulseDue = hasPulses && now - this.#presentedAt >= pulseMilliseconds;
    if (this.#isViewStale || isPulseDue) this.#present(now, hasPulses);
    const isBusy = isMoving || this.#picture.isUnderWay || isDimming || hasPulses || this.#keeper.isGliding;
    if (isBusy || this.#isPictureStale) this.#requestFrame();
  }

  /** After a frame that took long the hand's next moves still wait to be heard: it rests only when the frame after says so too. */
  #isByHand(now: number): boolean {
    const rests = now - this.#viewpoint.movedAt >= restMilliseconds;
    const isByHand = !rests || this.#wasByHand;
    this.#wasByHand = !rests;
    return isByHand;
  }

  #prepare(): void {
    const { bounds } = this.#scene;
    const spread = this.#viewpoint.spread();
    if (!this.#keeper.update({ spread, moves: this.#moves && this.#isVisible, now: performance.now() }))
      return;
    this.#pulsing = pulsingLinks(this.#scene.links);
    this.#homesDue ??= setTimeout(() => {
      this.#homesDue = undefined;
      const homes = this.#keeper.homes();
      if (homes !== undefined) this.#tell({ type: "homes", homes });
    }, homesMilliseconds);
    this.#isPictureStale = true;
    this.#isViewStale = true;
    if (this.#viewpoint.follows && !isSameBounds(bounds, this.#scene.bounds)) this.#refit();
  }

  get #scene(): Scene {
    return this.#keeper.scene;
  }

  #refit(): void {
    const isFirst = this.#drawn.peers === 0;
    this.#viewpoint.fit(this.#scene.bounds, isFirst ? undefined : performance.now());
  }

  /** The next picture, for so long; what is left of it is drawn in the next frames. */
  #drawPicture(milliseconds = Infinity): void {
    const started = performance.now();
    const isMeantNow = this.#picture.isUnderWay && milliseconds !== Infinity;
    if (!isMeantNow) {
      this.#picture.begin(this.#pen(), this.#scene);
      this.#begunScene = this.#scene;
      this.#spent = 0;
      this.#isPictureStale = false;
    }
    const pictured = this.#picture.draw(milliseconds);
    this.#spent += performance.now() - started;
    if (pictured === undefined) return;
    this.#drawnScene = this.#begunScene;
    this.#isViewStale = true;
    this.#drawn = {
      pictureCount: this.#drawn.pictureCount + 1,
      frameCount: this.#frameCount,
      peers: this.#drawnScene.peers.length,
      groups: this.#drawnScene.groups.length,
      links: this.#drawnScene.links.length,
      linksInView: pictured.links,
      labels: pictured.labels,
      milliseconds: this.#spent,
      scale: this.#picture.camera!.scale,
    };
    this.#tell({ type: "drawn", drawn: this.#drawn });
  }

  /** The last picture where it belongs now, then what moves or is looked at. */
  #present(now: number, hasPulses: boolean): void {
    this.#isViewStale = false;
    this.#frameCount++;
    this.#presentedAt = now;
    const { width, height, ratio } = this.#viewpoint.size;
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = palettes[this.#theme].sea;
    context.fillRect(0, 0, width, height);
    context.globalAlpha = this.#dim;
    this.#picture.show(context, this.#viewpoint.camera, this.#viewpoint.size);
    context.globalAlpha = 1;
    const pen = this.#pen();
    const focus = this.#focus();
    if (focus !== undefined) drawFocus(pen, focus);
    if (hasPulses) drawPulses(pen, focus === undefined ? this.#pulsing : pulsingLinks(focus.links), now);
  }

  #pen(): Pen {
    const { camera, size } = this.#viewpoint;
    return { context: this.#context, palette: palettes[this.#theme], camera, ...size };
  }

  #focus(): Focus | undefined {
    const selection = this.#hovered ?? this.#selected;
    return selection && focusOf(this.#scene, selection.kind, selection.id);
  }

  #stepDim(now: number): boolean {
    const aim = this.#focus() === undefined ? 1 : dimmed;
    if (this.#dim === aim) return false;
    const step = this.#moves ? Math.min(0.2, (now - this.#lastFrame) / 180) : 1;
    this.#dim = this.#dim < aim ? Math.min(aim, this.#dim + step) : Math.max(aim, this.#dim - step);
    this.#isViewStale = true;
    return this.#dim !== aim;
  }

  #at(x: number, y: number, reachPixels: number): Selection | undefined {
    const point = this.#viewpoint.toMap(x, y);
    return hitTest(this.#scene, point.x, point.y, reachPixels / this.#viewpoint.camera.scale);
  }

  #redraw(): void {
    this.#isPictureStale = true;
    this.#refresh();
  }

  #refresh(): void {
    this.#isViewStale = true;
    this.#requestFrame();
  }
}

function isSameBounds(a: Scene["bounds"], b: Scene["bounds"]): boolean {
  return a.left === b.left && a.top === b.top && a.right === b.right && a.bottom === b.bottom;
}
