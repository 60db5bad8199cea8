/** What the page's benches have in common: a made-up network, and a server of their own that gives the built page and a live stream of it. */
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { Topology, TopologyChange, TopologyLink, TopologyPeer } from "../src/topology/index.ts";

const dist = fileURLToPath(new URL("../web/dist", import.meta.url));
const none = { refused: 0, timedOut: 0, unreachable: 0, reset: 0, lost: 0 };

/** Mulberry32: whole 32 bits, so that it does not run in circles before all links are made. */
export function createRandom(start: number): () => number {
  let seed = start;
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function madeUpPeer(address: string, group: string): TopologyPeer {
  return {
    ...{ id: `host:${address}`, kind: "host", name: address, group, node: "" },
    addresses: [address],
    process: "",
    container: "",
  };
}

export function madeUpLink(client: string, server: string, random: () => number): TopologyLink {
  const bytes = Math.round(10 ** (random() * 8));
  const observer = {
    ...{ id: "agent:a", kind: "agent" as const, name: "a" },
    ...{ bytesSent: bytes, bytesReceived: bytes, packets: 9 },
  };
  return {
    ...{ id: `${client}>${server}`, client, server },
    ...{ bytesSent: bytes, bytesReceived: bytes, packets: 90, connections: 1 },
    ...{ active: 1, failed: random() < 0.01 ? 1 : 0, failures: none, retransmits: 0 },
    ...{ rttMs: 1, rttMinMs: 1, connectMs: 1 },
    ports: [{ port: 443, protocol: "tcp", bytesSent: bytes, bytesReceived: bytes, connections: 1 }],
    observers: [observer],
    ...{ lastSeen: Date.now(), sentRate: bytes / 100, receivedRate: bytes / 100 },
  };
}

/** Groups of very different sizes, and links mostly from anywhere to a few servers, as in a real network. */
export function madeUp(peerCount: number, linkCount: number): Topology {
  const random = createRandom(7);
  const groupCount = Math.ceil(peerCount / 25);
  const peers = Array.from({ length: peerCount }, (_, i) =>
    madeUpPeer(`10.${i >> 8}.${i & 255}.1`, `10.${Math.floor(random() ** 2 * groupCount)}.0.0/24`),
  );
  const links = new Map<string, TopologyLink>();
  while (links.size < linkCount) {
    const client = peers[Math.floor(random() * peerCount)]!.id;
    const server = peers[Math.floor(random() ** 3 * peerCount)]!.id;
    links.set(`${client}>${server}`, madeUpLink(client, server, random));
  }
  const to = Date.now();
  return { from: to - 900_000, to, peers, links: [...links.values()], truncated: { peers: 0, links: 0 } };
}

/** The built page and a live stream; all else is unknown, which the page bears. */
export async function servePage(topology: Topology) {
  const streams = new Set<ServerResponse>();
  const map = `event: map\ndata: ${JSON.stringify(topology)}\n\n`;
  let sentAt = 0;
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
      sentAt = performance.now();
      response.write(map);
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
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    /** When the map was sent, as `performance.now()` tells it. */
    sentAt: () => sentAt,
    /** Tells everybody what changed. */
    send(change: TopologyChange): void {
      const text = `event: change\ndata: ${JSON.stringify(change)}\n\n`;
      for (const stream of streams) stream.write(text);
    },
    stop(): void {
      server.closeAllConnections();
      server.close();
    },
  };
}
