/**
 * How fast the page draws, in headless Chromium without a GPU: `node bench/page.ts [CASE]`, after `npm run build`. CASE is `2000` or `10000`.
 *
 * A server of its own gives the built page and a live stream of made-up peers and links, a tenth of which change each second. What
 * is measured is read from the browser's trace: displayed frames (`Display::DrawAndSwap`), the processor time of script on the page's main
 * thread between them, and the map worker's own pictures. Medians; the first picture from when the stream's map was sent. Frames need a
 * machine that does nothing else.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { CDPSession, Page } from "playwright-core";
import type { Topology } from "../src/topology/index.ts";
import { emptyLayout, type LayoutNode, layout } from "../src/topology/layout.ts";
import { launchBrowser } from "../test/browser.ts";
import { openHeap } from "./page-heap.ts";
import { madeUp, servePage } from "./page-world.ts";

/** Each second another tenth of the links changes. */
function changeEachSecond(topology: Topology, send: Awaited<ReturnType<typeof servePage>>["send"]) {
  let round = 0;
  return setInterval(() => {
    round++;
    const links = topology.links
      .filter((_, i) => i % 10 === round % 10)
      .map((link) => ({ ...link, lastSeen: Date.now(), sentRate: link.sentRate! * (1 + (round % 3)) }));
    const { from, truncated } = topology;
    send({ from, to: Date.now(), peers: [], links, gonePeers: [], goneLinks: [], truncated });
  }, 1000);
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur?: number;
  /** Microseconds of the processor, which others on the machine can not lengthen. */
  readonly tdur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
}

async function trace(session: CDPSession, during: () => Promise<void>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["devtools.timeline", "viz", "v8", "__metadata"] },
  });
  await during();
  const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await complete;
  return events;
}

const scripts = new Set([
  "FunctionCall",
  "EvaluateScript",
  "RunMicrotasks",
  "EventDispatch",
  "FireAnimationFrame",
  "TimerFire",
  "v8.callFunction",
  "HandlePostMessage",
]);

/** Frames a second, and the script on the page's main thread in each frame. */
function judge(events: readonly TraceEvent[]) {
  const mains = new Set(
    events
      .filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const swaps = events
    .filter(({ name, ph }) => name === "Display::DrawAndSwap" && ph !== "E")
    .map(({ ts }) => ts)
    .sort((a, b) => a - b);
  const calls = events
    .filter(({ name, pid, tid, dur }) => scripts.has(name) && dur !== undefined && mains.has(`${pid} ${tid}`))
    .sort((a, b) => a.ts - b.ts);
  const outermost: TraceEvent[] = [];
  for (const call of calls) {
    const last = outermost.at(-1);
    if (last === undefined || call.ts >= last.ts + last.dur!) outermost.push(call);
  }
  const gaps = swaps.slice(1).map((ts, i) => ts - swaps[i]!);
  const perFrame = swaps
    .slice(1)
    .map((end, i) =>
      outermost
        .filter(({ ts }) => ts >= swaps[i]! && ts < end)
        .reduce((sum, { dur, tdur }) => sum + (tdur ?? dur!) / 1000, 0),
    );
  const seconds = (swaps.at(-1)! - swaps[0]!) / 1e6;
  return {
    framesPerSecond: (swaps.length - 1) / seconds,
    medianFrame: median(gaps) / 1000,
    scriptPerFrame: median(perFrame),
    scriptWorst: Math.max(...perFrame),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Back and forth, as a hand would. */
async function pan(page: Page, milliseconds: number, zooms: boolean): Promise<void> {
  // On open water: a drag that starts on a sign or a heading would move it.
  await page.mouse.move(24, 110);
  await page.mouse.down();
  const start = performance.now();
  for (let i = 0; performance.now() - start < milliseconds; i++) {
    const angle = i / 14;
    await page.mouse.move(24 + Math.abs(Math.sin(angle)) * 300, 110 + Math.abs(Math.sin(angle / 1.7)) * 160);
    if (zooms && i % 12 === 11) await page.mouse.wheel(0, i % 24 === 11 ? -120 : 120);
    await sleep(8);
  }
  await page.mouse.up();
}

const drawn = (page: Page) =>
  page.evaluate("portolan.drawn()") as Promise<
    | { pictureCount: number; frameCount: number; milliseconds: number; peers: number; links: number }
    | undefined
  >;

async function measure(peerCount: number, linkCount: number): Promise<void> {
  const topology = madeUp(peerCount, linkCount);
  const server = await servePage(topology);
  const changes = changeEachSecond(topology, server.send);
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const started = performance.now();
    await page.goto(`${server.url}/?detail=open`);
    const interactive = performance.now() - started;
    await page.waitForFunction(`(portolan.drawn()?.links ?? 0) >= ${linkCount}`, undefined, {
      timeout: 60_000,
      polling: 20,
    });
    const first = performance.now() - server.sentAt();
    await sleep(3000);
    const session = await page.context().newCDPSession(page);
    const panned = judge(await trace(session, () => pan(page, 6000, false)));
    const zoomed = judge(await trace(session, () => pan(page, 6000, true)));
    const pictures: number[] = [];
    for (let last = (await drawn(page))!.pictureCount; pictures.length < 9; ) {
      const now = (await drawn(page))!;
      if (now.pictureCount !== last) pictures.push(now.milliseconds);
      last = now.pictureCount;
      await sleep(60);
    }
    await session.send("Performance.enable");
    const { mainBytes, workerBytes } = await (await openHeap(page))();
    const line = ({ framesPerSecond, medianFrame, scriptPerFrame, scriptWorst }: ReturnType<typeof judge>) =>
      `${framesPerSecond.toFixed(1)} frames/s (median ${medianFrame.toFixed(1)} ms), script on the main thread ${scriptPerFrame.toFixed(2)} ms per frame, at worst ${scriptWorst.toFixed(0)} ms`;
    console.log(
      `\n${peerCount} peers, ${linkCount} links, all open, a tenth of the links changing each second`,
    );
    console.log(
      `  page loaded ${interactive.toFixed(0)} ms, first whole picture ${first.toFixed(0)} ms after the map was sent`,
    );
    console.log(`  panning            ${line(panned)}`);
    console.log(`  panning, zooming   ${line(zoomed)}`);
    console.log(
      `  a whole picture    ${median(pictures).toFixed(0)} ms of the worker, painted; heap after a collection ${(mainBytes / 1e6).toFixed(0)} MB on the main thread, ${(workerBytes / 1e6).toFixed(0)} MB in the worker`,
    );
  } finally {
    await browser.close();
    clearInterval(changes);
    server.stop();
  }
}

function measureLayout(peerCount: number): void {
  const { peers } = madeUp(peerCount, 1);
  const groups = [...new Set(peers.map(({ group }) => group))];
  const nodes: LayoutNode[] = [
    ...groups.map((id) => ({ id, parent: "", isContainer: true, weight: 0 })),
    ...peers.map(({ id, group }) => ({ id, parent: group, isContainer: false, weight: 0 })),
  ];
  const time = (run: () => void) => {
    const start = performance.now();
    run();
    return performance.now() - start;
  };
  let state = layout(emptyLayout, nodes);
  const whole = Array.from({ length: 5 }, () => time(() => layout(emptyLayout, nodes)));
  const more = Array.from({ length: 9 }, (_, i) =>
    time(() => {
      nodes.push({ id: `one more ${i}`, parent: groups[i]!, isContainer: false, weight: 0 });
      state = layout(state, nodes);
    }),
  );
  console.log(
    `\nlayout of ${peerCount} peers in ${groups.length} groups: ${median(whole).toFixed(0)} ms, one more peer ${median(more).toFixed(1)} ms`,
  );
}

const only = process.argv[2];
measureLayout(10_000);
if (only !== "10000") await measure(2000, 5000);
if (only !== "2000") await measure(10_000, 50_000);
