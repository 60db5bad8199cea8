/**
 * How fast the page draws, in headless Chromium without a GPU: `node bench/page.ts [CASE]`, after `npm run build`. CASE is `2000` or `10000`.
 *
 * A server of this file's own gives the built page and a live stream of made-up peers and links, a tenth of which change each second. What
 * is measured is read from the browser's trace: displayed frames (`Display::DrawAndSwap`), the script on the page's main thread between
 * them, and the map worker's own pictures. Medians; the first picture from when the stream's map was sent.
 */
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { CDPSession, Page } from "playwright-core";
import type { Topology, TopologyLink, TopologyPeer } from "../src/topology/index.ts";
import { emptyLayout, type LayoutNode, layout } from "../src/topology/layout.ts";
import { launchBrowser } from "../test/browser.ts";

const dist = fileURLToPath(new URL("../web/dist", import.meta.url));
const none = { refused: 0, timedOut: 0, unreachable: 0, reset: 0, lost: 0 };

/** Groups of very different sizes, and links mostly from anywhere to a few servers, as in a real network. */
function madeUp(peerCount: number, linkCount: number): Topology {
  // Mulberry32: whole 32 bits, so that it does not run in circles before all links are made.
  let seed = 7;
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const groupCount = Math.ceil(peerCount / 25);
  const peers = Array.from({ length: peerCount }, (_, i): TopologyPeer => {
    const group = `10.${Math.floor(random() ** 2 * groupCount)}.0.0/24`;
    const address = `10.${i >> 8}.${i & 255}.1`;
    return {
      ...{ id: `host:${address}`, kind: "host", name: address, group, node: "" },
      addresses: [address],
      process: "",
      container: "",
    };
  });
  const links = new Map<string, TopologyLink>();
  while (links.size < linkCount) {
    const client = peers[Math.floor(random() * peerCount)]!.id;
    const server = peers[Math.floor(random() ** 3 * peerCount)]!.id;
    const bytes = Math.round(10 ** (random() * 8));
    const observer = {
      id: "agent:a",
      kind: "agent" as const,
      name: "a",
      bytesSent: bytes,
      bytesReceived: bytes,
      packets: 9,
    };
    links.set(`${client}>${server}`, {
      ...{
        id: `${client}>${server}`,
        client,
        server,
        bytesSent: bytes,
        bytesReceived: bytes,
        packets: 90,
        connections: 1,
      },
      ...{
        active: 1,
        failed: random() < 0.01 ? 1 : 0,
        failures: none,
        retransmits: 0,
        rttMs: 1,
        rttMinMs: 1,
        connectMs: 1,
      },
      ...{
        ports: [{ port: 443, protocol: "tcp", bytesSent: bytes, bytesReceived: bytes, connections: 1 }],
        observers: [observer],
      },
      ...{ lastSeen: Date.now(), sentRate: bytes / 100, receivedRate: bytes / 100 },
    });
  }
  return {
    from: Date.now() - 900_000,
    to: Date.now(),
    peers,
    links: [...links.values()],
    truncated: { peers: 0, links: 0 },
  };
}

/** The built page and a live stream; all else is unknown, which the page bears. */
async function serve(topology: Topology) {
  const streams = new Set<ServerResponse>();
  const types: Record<string, string> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
    svg: "image/svg+xml",
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost");
    if (pathname === "/api/v1/live") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`event: map\ndata: ${JSON.stringify(topology)}\n\n`);
      streams.add(response);
      response.on("close", () => streams.delete(response));
      return;
    }
    const file = normalize(pathname === "/" ? "/index.html" : pathname);
    try {
      const content = readFileSync(join(dist, file));
      response
        .writeHead(200, { "content-type": types[file.split(".").at(-1)!] ?? "application/octet-stream" })
        .end(content);
    } catch {
      response.writeHead(404, { "content-type": "application/json" }).end("{}");
    }
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  let round = 0;
  const timer = setInterval(() => {
    round++;
    const links = topology.links.filter((_, i) => i % 10 === round % 10);
    const changed = links.map((link) => ({
      ...link,
      lastSeen: Date.now(),
      sentRate: link.sentRate! * (1 + (round % 3)),
    }));
    const change = {
      from: topology.from,
      to: Date.now(),
      peers: [],
      links: changed,
      gonePeers: [],
      goneLinks: [],
      truncated: topology.truncated,
    };
    for (const stream of streams) stream.write(`event: change\ndata: ${JSON.stringify(change)}\n\n`);
  }, 1000);
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
    },
  };
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur?: number;
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
        .reduce((sum, { dur }) => sum + dur! / 1000, 0),
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
  const server = await serve(topology);
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
    const first = performance.now() - started;
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
    const heap = (await session.send("Performance.getMetrics")).metrics.find(
      ({ name }) => name === "JSHeapUsedSize",
    )!.value;
    const line = ({ framesPerSecond, medianFrame, scriptPerFrame, scriptWorst }: ReturnType<typeof judge>) =>
      `${framesPerSecond.toFixed(1)} frames/s (median ${medianFrame.toFixed(1)} ms), script on the main thread ${scriptPerFrame.toFixed(2)} ms per frame, at worst ${scriptWorst.toFixed(0)} ms`;
    console.log(
      `\n${peerCount} peers, ${linkCount} links, all open, a tenth of the links changing each second`,
    );
    console.log(
      `  page loaded ${interactive.toFixed(0)} ms, first whole picture ${first.toFixed(0)} ms after the address was entered`,
    );
    console.log(`  panning            ${line(panned)}`);
    console.log(`  panning, zooming   ${line(zoomed)}`);
    console.log(
      `  a whole picture    ${median(pictures).toFixed(0)} ms of the worker's script; main thread's heap ${(heap / 1e6).toFixed(0)} MB`,
    );
  } finally {
    await browser.close();
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
