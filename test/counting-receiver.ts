import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { readSnappy } from "../src/metrics/testdata/read-snappy.ts";
import { readWriteRequest } from "../src/metrics/testdata/read-write-request.ts";

/** A way to a receiver of remote write on which samples are counted, and which can be closed. */
export interface CountingReceiver {
  readonly url: string;
  /** `HOST:PORT`. */
  readonly host: string;
  /** Samples of requests that the receiver behind took, and was answered for. */
  readonly takenSamples: number;
  /** Of every request that came, taken or not: when its samples were read (unix ms), and how many there are. */
  readonly requests: readonly { readonly time: number; readonly samples: number }[];
  /** No request is answered from now on; resolves when one waits, so that all before it were. */
  close(): Promise<void>;
  /** Those that wait go on. */
  open(): void;
}

export async function startCountingReceiver(t: TestContext, behind: string): Promise<CountingReceiver> {
  let takenSamples = 0;
  const requests: { time: number; samples: number }[] = [];
  let gate = Promise.withResolvers<void>();
  let held = Promise.withResolvers<void>();
  let isClosed = false;
  gate.resolve();
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const samples = readWriteRequest(readSnappy(body)).flatMap((series) => series.samples);
    const read = { time: samples[0]?.time ?? 0, samples: samples.length };
    requests.push(read);
    if (isClosed) held.resolve();
    await gate.promise;
    if (request.socket.destroyed) {
      requests.splice(requests.indexOf(read), 1); // it was given up, and comes again
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(
        ([name]) => /^(content-|x-prometheus)/.test(name) && name !== "content-length",
      ),
    ) as Record<string, string>;
    const { status } = await fetch(behind, { method: "POST", headers, body });
    if (status < 300) takenSamples += samples.length;
    response.writeHead(status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url: `http://${host}/api/v1/write`, host, requests },
    get takenSamples() {
      return takenSamples;
    },
    async close() {
      isClosed = true;
      gate = Promise.withResolvers();
      held = Promise.withResolvers();
      await held.promise;
    },
    open() {
      isClosed = false;
      gate.resolve();
    },
  };
}
