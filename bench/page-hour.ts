/**
 * Whether the page's memory grows while it is left open: `node bench/page-hour.ts [PEERS LINKS]`, after `npm run build`.
 *
 * An hour's 3,600 live changes, as fast as the page draws them: in each a tenth of the links has new figures, and some peers and links come
 * and go, so that it sees tens of thousands of different ones. Heaps are measured after a collection; each minute the mouse looks at
 * another place and every tenth another peer's details are opened.
 */
import type { Page } from "playwright-core";
import type { Topology, TopologyChange, TopologyLink, TopologyPeer } from "../src/topology/index.ts";
import { launchBrowser } from "../test/browser.ts";
import { openHeap } from "./page-heap.ts";
import { createRandom, madeUp, madeUpLink, madeUpPeer, servePage } from "./page-world.ts";

const [peerCount = 1000, linkCount = 3000] = process.argv.slice(2).map(Number);
const [comingPeers, comingLinks] = [10, 20];
const minutes = 60;

/** A network whose peers and links come and go, the oldest first. */
function createChurn({ from, to, peers, links, truncated }: Topology) {
  const random = createRandom(11);
  const livePeers = [...peers];
  const liveLinks = [...links];
  let tick = 0;
  const anyPeer = () => livePeers[Math.floor(random() * livePeers.length)]!.id;

  function newPeers(): TopologyPeer[] {
    return Array.from({ length: comingPeers }, (_, i) => {
      const number = tick * comingPeers + i;
      return madeUpPeer(
        `172.${number >> 16}.${(number >> 8) & 255}.${number & 255}`,
        `10.${tick % 40}.0.0/24`,
      );
    });
  }

  return function next(): TopologyChange {
    tick++;
    const come = newPeers();
    livePeers.push(...come);
    const gone = new Set(livePeers.splice(0, comingPeers).map(({ id }) => id));
    const isGone = ({ client, server }: TopologyLink, i: number) =>
      i < comingLinks || gone.has(client) || gone.has(server);
    const goneLinks = liveLinks.filter(isGone).map(({ id }) => id);
    const stay = liveLinks.filter((link, i) => !isGone(link, i));
    const changed = stay
      .filter((_, i) => i % 10 === tick % 10)
      .map((link) => ({ ...link, lastSeen: to + tick * 1000, sentRate: random() * 1e6 }));
    const more = Array.from({ length: goneLinks.length }, (_, i) =>
      madeUpLink(come[i]?.id ?? anyPeer(), anyPeer(), random),
    );
    liveLinks.splice(0, liveLinks.length, ...stay, ...more);
    return {
      ...{ from: from + tick * 1000, to: to + tick * 1000, truncated },
      ...{ peers: come, links: [...changed, ...more], gonePeers: [...gone], goneLinks },
    };
  };
}

/** Until the page knows of the last change, and its map has drawn a picture since. */
async function catchUp(page: Page, to: number): Promise<void> {
  await page.waitForFunction(`portolan.topology().to >= ${to}`, undefined, { timeout: 60_000 });
  const before = Number(await page.evaluate("portolan.drawn().pictureCount"));
  await page.waitForFunction(`portolan.drawn().pictureCount > ${before}`, undefined, { timeout: 60_000 });
}

const topology = madeUp(peerCount, linkCount);
const server = await servePage(topology);
const next = createChurn(topology);
const browser = await launchBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${server.url}/?detail=open`);
  await page.waitForFunction("(portolan.drawn()?.links ?? 0) > 0", undefined, { timeout: 60_000 });
  const measure = await openHeap(page);
  console.log(`${peerCount} peers, ${linkCount} links; each second ${comingPeers} peers come and go\n`);
  console.log("minute   main MB   worker MB   nodes   listeners");
  for (let minute = 0; ; minute++) {
    if (minute % 10 === 0) {
      const { mainBytes, workerBytes, nodes, listeners } = await measure();
      const figures = [(mainBytes / 1e6).toFixed(1), (workerBytes / 1e6).toFixed(1), nodes, listeners];
      console.log(
        `${String(minute).padStart(6)}   ${figures.map((figure) => String(figure).padStart(7)).join("   ")}`,
      );
    }
    if (minute === minutes) break;
    let last = 0;
    for (let second = 0; second < 59; second++) {
      const change = next();
      last = change.to;
      server.send(change);
    }
    await page.mouse.move(200 + ((minute * 97) % 800), 200 + ((minute * 61) % 400));
    if (minute % 10 === 5) await page.mouse.click(200 + ((minute * 97) % 800), 200 + ((minute * 61) % 400));
    await page.waitForFunction(`portolan.topology().to >= ${last}`, undefined, { timeout: 60_000 });
    // One more by itself: what it draws is after all others.
    const change = next();
    server.send(change);
    await catchUp(page, change.to);
  }
} finally {
  await browser.close();
  server.stop();
}
