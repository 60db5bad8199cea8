import { emptyLayout, type LayoutState, layout } from "../../../src/topology/layout.ts";
import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import { TopologyState } from "../data/topology-state.ts";
import type { Selection } from "../view.ts";
import { type Camera, toMap, toScreen } from "./camera.ts";
import { pointOn } from "./curve.ts";
import { drawFocus, type Focus, focusOf } from "./draw/draw-focus.ts";
import { drawPicture } from "./draw/draw-picture.ts";
import { drawPulses, pulsingLinks } from "./draw/draw-pulses.ts";
import type { Context, Pen } from "./draw/pen.ts";
import { hitTest, peerToward } from "./hit-test.ts";
import type { Drawn, DrawnLink, DrawnPeer, FromMap, Size } from "./messages.ts";
import { palettes, type ThemeName } from "./palette.ts";
import { buildScene, linkWidths, type Scene, type SceneLink } from "./scene.ts";
import { Viewpoint } from "./viewpoint.ts";

/** The picture is this many pixels larger than the view on each side, so that a small pan shows no gap. */
const overscan = 140;
/** With no more links in view a whole picture is drawn in every frame; else the last one is moved until the hand rests. */
const quickLinks = 400;
const restMilliseconds = 90;
/** Moving dots alone need no more than 30 frames per second. */
const pulseMilliseconds = 30;
const dimmed = 0.3;

/**
 * The drawn chart: topology in, pictures out, at most one per frame. Lives in a worker; whoever owns it calls `frame`
 * when asked by `requestFrame`.
 */
export class Chart {
  readonly #canvas: OffscreenCanvas;
  readonly #context: Context;
  readonly #picture: OffscreenCanvas;
  readonly #pictureContext: Context;
  readonly #tell: (message: FromMap) => void;
  readonly #requestFrame: () => void;
  readonly #state = new TopologyState();
  #waiting: (Topology | TopologyChange)[] = [];
  #layout: LayoutState = emptyLayout;
  #scene: Scene;
  /** What the last picture shows; the scene may already be newer. */
  #drawnScene: Scene;
  #pulsing: SceneLink[] = [];
  readonly #viewpoint = new Viewpoint();
  #theme: ThemeName = "dark";
  #centre = "";
  #isLive = true;
  #moves = true;
  #isVisible = true;
  #pictureCamera: Camera = this.#viewpoint.camera;
  #hovered: Selection | undefined;
  #selected: Selection | undefined;
  #dim = 1;
  #isSceneStale = true;
  #isPictureStale = true;
  #isViewStale = true;
  #lastFrame = 0;
  #presentedAt = 0;
  #drawn: Drawn = {
    pictureCount: 0,
    peers: 0,
    links: 0,
    linksInView: 0,
    labels: 0,
    milliseconds: 0,
    scale: 1,
  };

  constructor(canvas: OffscreenCanvas, tell: (message: FromMap) => void, requestFrame: () => void) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false })!;
    this.#picture = new OffscreenCanvas(1, 1);
    this.#pictureContext = this.#picture.getContext("2d", { alpha: false })!;
    this.#tell = tell;
    this.#requestFrame = requestFrame;
    this.#scene = buildScene(this.#state, this.#layout, { centre: "", isLive: true });
    this.#drawnScene = this.#scene;
  }

  setSize(size: Size): void {
    this.#viewpoint.size = size;
    this.#canvas.width = Math.round(size.width * size.ratio);
    this.#canvas.height = Math.round(size.height * size.ratio);
    this.#picture.width = Math.round((size.width + 2 * overscan) * size.ratio);
    this.#picture.height = Math.round((size.height + 2 * overscan) * size.ratio);
    if (this.#viewpoint.follows) this.#viewpoint.fit(this.#scene.bounds, !this.#isLive);
    this.#redraw();
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
    if (centre !== this.#centre) this.#layout = emptyLayout;
    this.#centre = centre;
    this.#isLive = isLive;
    this.#isSceneStale = true;
    this.#requestFrame();
  }

  /** Messages wait for the next frame; behind a hidden page no frame comes, so a long queue is worked off at once. */
  take(message: Topology | TopologyChange): void {
    this.#waiting.push(message);
    if (this.#waiting.length > 30) this.#applyWaiting();
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

  click(x: number, y: number): void {
    this.#tell({ type: "select", selection: this.#at(x, y, 10) });
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
    this.#viewpoint.pan(dx, dy, performance.now());
    this.#refresh();
  }

  zoom(factor: number, x: number, y: number): void {
    this.#viewpoint.zoom(factor, x, y, performance.now());
    this.#refresh();
  }

  fit(): void {
    this.#viewpoint.follows = true;
    this.#viewpoint.fit(this.#scene.bounds, !this.#isLive, performance.now());
    this.#requestFrame();
  }

  /** How something stands in the last picture; undefined when it is not drawn. */
  ask({ kind, id }: Selection): DrawnLink | DrawnPeer | undefined {
    if (this.#drawn.pictureCount === 0) return undefined;
    if (kind === "peer") {
      const peer = this.#drawnScene.peerById.get(id);
      if (peer === undefined) return undefined;
      const spot = this.#viewpoint.toScreen(peer.x, peer.y);
      return {
        id,
        name: peer.name,
        ...spot,
        radius: peer.radius * this.#viewpoint.camera.scale,
        isInView: this.#viewpoint.isInView(spot),
      };
    }
    const link = this.#drawnScene.linkById.get(id);
    if (link === undefined) return undefined;
    const middle = pointOn(link.curve, 0.5);
    const spot = this.#viewpoint.toScreen(middle.x, middle.y);
    const { bytesSent, bytesReceived, connections, failed } = link.topology;
    const { look, isDashed, rate } = link;
    const width = linkWidths[link.level]!;
    return {
      id,
      bytesSent,
      bytesReceived,
      connections,
      failed,
      rate,
      width,
      look,
      isDashed,
      ...spot,
      isInView: this.#viewpoint.isInView(spot),
    };
  }

  /** Draws what has to be drawn, and asks for another frame while something moves. */
  frame(now: number): void {
    this.#prepare();
    if (!this.#isVisible) return;
    const glide = this.#viewpoint.step(performance.now(), this.#moves);
    if (glide !== "still") this.#isViewStale = true;
    const isDimming = this.#stepDim(now);
    this.#lastFrame = now;
    const isMoving = now - this.#viewpoint.movedAt < restMilliseconds || glide === "gliding";
    if (this.#isPictureStale || this.#pictureCamera !== this.#viewpoint.camera) {
      const isQuick = this.#drawn.linksInView <= quickLinks;
      if (!isMoving || isQuick || this.#drawn.pictureCount === 0 || this.#isFarOff()) this.#drawPicture();
    }
    const hasPulses = this.#moves && this.#isLive && this.#pulsing.length > 0;
    const isPulseDue = hasPulses && now - this.#presentedAt >= pulseMilliseconds;
    if (this.#isViewStale || isPulseDue) this.#present(now, hasPulses);
    if (isMoving || isDimming || hasPulses || this.#isPictureStale) this.#requestFrame();
  }

  /** Whether the moved picture leaves a part of the view empty, or is blown up too much to look at. */
  #isFarOff(): boolean {
    const corner = this.#viewpoint.toMap(0, 0);
    const { x, y } = toScreen(this.#pictureCamera, this.#viewpoint.size, corner.x, corner.y);
    const zoomed = this.#viewpoint.camera.scale / this.#pictureCamera.scale;
    if (zoomed > 1.7 || x < -overscan || y < -overscan) return true;
    const { width, height } = this.#viewpoint.size;
    return x + width / zoomed > width + overscan || y + height / zoomed > height + overscan;
  }

  #prepare(): void {
    this.#applyWaiting();
    if (!this.#isSceneStale) return;
    this.#isSceneStale = false;
    const peers = [...this.#state.peers.values()];
    const links = [...this.#state.links.values()];
    this.#layout = layout(
      this.#layout,
      { peers, links },
      { centre: this.#centre, spread: this.#viewpoint.spread() },
    );
    const before = this.#scene.bounds;
    this.#scene = buildScene(this.#state, this.#layout, { centre: this.#centre, isLive: this.#isLive });
    this.#pulsing = pulsingLinks(this.#scene.links);
    this.#isPictureStale = true;
    this.#isViewStale = true;
    if (this.#viewpoint.follows && !isSameBounds(before, this.#scene.bounds)) this.#refit();
  }

  #refit(): void {
    const isFirst = this.#drawn.peers === 0;
    this.#viewpoint.fit(this.#scene.bounds, !this.#isLive, isFirst ? undefined : performance.now());
  }

  #applyWaiting(): void {
    for (const message of this.#waiting) {
      if ("goneLinks" in message) this.#state.apply(message);
      else {
        if (this.#isOtherMap(message)) this.#layout = emptyLayout;
        this.#state.setMap(message);
      }
      this.#isSceneStale = true;
    }
    this.#waiting = [];
  }

  /** A map that shares less than half of its peers with the last is another one, and is laid out anew. */
  #isOtherMap({ peers }: Topology): boolean {
    const known = peers.filter(({ id }) => this.#state.peers.has(id)).length;
    return known * 2 < Math.max(peers.length, this.#state.peers.size);
  }

  #drawPicture(): void {
    const started = performance.now();
    const pen = this.#pen(this.#pictureContext, overscan);
    const { links, labels } = drawPicture(pen, this.#scene);
    this.#drawnScene = this.#scene;
    this.#pictureCamera = this.#viewpoint.camera;
    this.#isPictureStale = false;
    this.#isViewStale = true;
    this.#drawn = {
      pictureCount: this.#drawn.pictureCount + 1,
      peers: this.#scene.peers.length,
      links: this.#scene.links.length,
      linksInView: links,
      labels,
      milliseconds: performance.now() - started,
      scale: this.#viewpoint.camera.scale,
    };
    this.#tell({ type: "drawn", drawn: this.#drawn });
  }

  /** The last picture where it belongs now, then what moves or is looked at. */
  #present(now: number, hasPulses: boolean): void {
    this.#isViewStale = false;
    this.#presentedAt = now;
    const { width, height, ratio } = this.#viewpoint.size;
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = palettes[this.#theme].sea;
    context.fillRect(0, 0, width, height);
    const zoomed = this.#viewpoint.camera.scale / this.#pictureCamera.scale;
    const corner = toMap(this.#pictureCamera, this.#viewpoint.size, -overscan, -overscan);
    const { x, y } = this.#viewpoint.toScreen(corner.x, corner.y);
    context.globalAlpha = this.#dim;
    context.drawImage(this.#picture, x, y, (width + 2 * overscan) * zoomed, (height + 2 * overscan) * zoomed);
    context.globalAlpha = 1;
    const pen = this.#pen(context, 0);
    const focus = this.#focus();
    if (focus !== undefined) drawFocus(pen, focus);
    if (hasPulses) drawPulses(pen, focus === undefined ? this.#pulsing : pulsingLinks(focus.links), now);
  }

  #pen(context: Context, margin: number): Pen {
    const { width, height, ratio } = this.#viewpoint.size;
    return {
      context,
      palette: palettes[this.#theme],
      camera: this.#viewpoint.camera,
      width: width + 2 * margin,
      height: height + 2 * margin,
      ratio,
    };
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
