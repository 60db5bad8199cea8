import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type AddressValue,
  chooseFormat,
  contentTypes,
  type FindPlace,
  formatMetrics,
  geoIpMetric,
  type Metric,
} from "../metrics/index.ts";
import { queryVector } from "./prometheus-query.ts";

export interface GeoipConfig {
  readonly prometheus: URL;
  readonly query: string;
  /** Label that holds the address. */
  readonly addressLabel: string;
  /** Labels that go along. */
  readonly labels: readonly string[];
  readonly listen: { readonly host: string; readonly port: number };
  readonly intervalSeconds: number;
}

export interface GeoipDependencies {
  readonly findPlace: FindPlace;
  readonly log: (message: string) => void;
  readonly isVerbose: boolean;
  now(): number;
}

const seriesMax = 10_000;
/** An answer is told for so many intervals, should Prometheus not answer again. */
const keptIntervals = 5;
const connectionsMax = 64;
const requestMilliseconds = 10_000;

/** Asks the query again and again, and serves the last answer at `/metrics`. */
export function createGeoipService(
  config: GeoipConfig,
  { findPlace, log, isVerbose, now }: GeoipDependencies,
) {
  const { prometheus, query, addressLabel, labels, listen, intervalSeconds } = config;
  let values: readonly AddressValue[] = [];
  let answeredAt = 0;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const asking = new AbortController();

  async function ask(): Promise<void> {
    try {
      const vector = await queryVector(prometheus, query, asking.signal);
      values = vector.map(({ metric, value }) => ({
        address: metric[addressLabel] ?? "",
        labels: Object.fromEntries(labels.map((name) => [name, metric[name] ?? ""])),
        value,
      }));
      answeredAt = now();
      if (isVerbose) log(`${prometheus.host} answered with ${values.length} series`);
    } catch (error) {
      failures++;
      if (!isStopped) log(`${prometheus.host}: ${(error as Error).message}`);
    }
    if (!isStopped) timer = setTimeout(() => void ask(), intervalSeconds * 1000);
  }

  function metrics(): Metric[] {
    const isKnown = now() - answeredAt < intervalSeconds * keptIntervals * 1000;
    return [
      geoIpMetric(isKnown ? values : [], findPlace, seriesMax),
      {
        ...{ name: "portolan_geoip_last_answer_timestamp_seconds", type: "gauge" },
        help: "Unix time of the last answer.",
        samples: [{ value: answeredAt / 1000 }],
      },
      {
        ...{ name: "portolan_geoip_failures_total", type: "counter" },
        help: "Times the query was not answered.",
        samples: [{ value: failures }],
      },
    ];
  }

  const server = createServer(
    { headersTimeout: requestMilliseconds, requestTimeout: requestMilliseconds },
    (request: IncomingMessage, response: ServerResponse) => {
      response.setTimeout(requestMilliseconds, () => response.destroy());
      const path = request.url?.split("?", 1)[0];
      if (path !== "/metrics") {
        response.writeHead(path === "/healthz" ? 200 : 404).end();
        return;
      }
      const format = chooseFormat(request.headers.accept);
      response.setHeader("content-type", contentTypes[format]);
      response.end(formatMetrics(metrics(), format));
    },
  );
  server.maxConnections = connectionsMax;

  return {
    async start(): Promise<void> {
      server.listen(listen.port, ...(listen.host === "" ? [] : [listen.host]));
      await once(server, "listening");
      void ask();
    },
    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      asking.abort();
      server.closeAllConnections();
      if (server.listening) await new Promise((closed) => server.close(closed));
    },
    get address(): string {
      const { address, family, port } = server.address() as AddressInfo;
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },
  };
}
