import type { Readable } from "node:stream";
import { pino } from "pino";
import { createReadOnlyStore } from "../store/index.ts";
import { routeDiff } from "./api/diff.ts";
import { routeFlows } from "./api/flows.ts";
import { routeLinks } from "./api/links.ts";
import { routeLookups } from "./api/lookups.ts";
import { routeMap } from "./api/map.ts";
import { routePeers } from "./api/peers.ts";
import { routeSeries } from "./api/series.ts";
import { routeTop } from "./api/top.ts";
import { createHttp } from "./http.ts";
import { createPeerFacts } from "./peer-facts.ts";

export interface OpenFolder {
  /** Answers what the API would, without a socket. */
  ask(url: string): Promise<{ statusCode: number; type: string | undefined; stream: Readable }>;
  close(): Promise<void>;
}

/** The questions of the API over a data folder that no server has open; nothing in it is changed. Throws OperatingError. */
export async function openFolder(folder: string): Promise<OpenFolder> {
  const store = createReadOnlyStore(folder);
  await store.start();
  const app = createHttp({ logger: pino({ level: "silent" }), isLoopbackOnly: true });
  const nobody = createPeerFacts({ factsOf: () => undefined, generation: 0 });
  const now = Date.now;
  routeMap(app, store, nobody, now);
  routeTop(app, store, now);
  routeSeries(app, store, now);
  routeFlows(app, store, now);
  routeDiff(app, store, now);
  routeLookups(app, store, now);
  const details = { store, peerFacts: nobody, liveLinks: () => [], now };
  routePeers(app, details);
  routeLinks(app, details);
  return {
    async ask(url) {
      const answer = await app.inject({ url, headers: { host: "localhost" }, payloadAsStream: true });
      return {
        statusCode: answer.statusCode,
        type: answer.headers["content-type"] as string | undefined,
        stream: answer.stream(),
      };
    },
    async close() {
      await app.close();
      await store.stop();
    },
  };
}
