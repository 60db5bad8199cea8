import { parseAddress } from "../../flow/index.ts";
import type { Config } from "../../settings/index.ts";

export type LimitsConfig = Omit<Config["limits"], "connections">;

/** What a request takes beside its turn: a question reads the store, a stream stays open. */
export type RequestCost = "request" | "question" | "stream";

/** Clients remembered at most; those beyond it that have nothing open share one row. About 200 bytes each. */
const clientsMax = 20_000;
const others = "~other";
/** Whoever was quiet may ask this many times the rate at once. */
const burstSeconds = 4;

interface Client {
  /** Requests that may be asked at once, at `at`. */
  allowance: number;
  at: number;
  readonly open: Record<RequestCost, number>;
}

export interface Refusal {
  readonly reason: string;
  readonly retryAfterSeconds: number;
}

/** What each client may ask, so that one cannot keep the others from being answered. */
export class ClientLimits {
  readonly #config: LimitsConfig;
  readonly #now: () => number;
  /** The last seen last. */
  readonly #clients = new Map<string, Client>();

  constructor(config: LimitsConfig, now: () => number) {
    this.#config = config;
    this.#now = now;
  }

  /** Takes so many requests from what the client may ask in a moment. Why not, when there are none left. */
  spend(who: string, requests = 1): Refusal | undefined {
    const { rate } = this.#config;
    const client = this.#client(who);
    const now = this.#now();
    const burst = rate * burstSeconds;
    client.allowance = Math.min(burst, client.allowance + (Math.max(0, now - client.at) / 1000) * rate);
    client.at = now;
    if (client.allowance < 1) {
      return {
        reason: `more than ${rate} requests a second`,
        retryAfterSeconds: Math.max(1, Math.ceil((1 - client.allowance) / rate)),
      };
    }
    client.allowance = Math.max(client.allowance - requests, -burst);
    return undefined;
  }

  /** Counts the request as open until `end`; why not, when too many are. */
  begin(who: string, cost: RequestCost): Refusal | (() => void) {
    const { open } = this.#client(who);
    const refuse = (what: string, max: number, retryAfterSeconds: number) => ({
      reason: `${max} ${what} of this client are open already`,
      retryAfterSeconds,
    });
    const { requests, questions, streams } = this.#config;
    if (cost === "stream" && open.stream >= streams) return refuse("live streams", streams, 30);
    if (cost !== "stream" && open.request + open.question >= requests) return refuse("requests", requests, 1);
    if (cost === "question" && open.question >= questions) return refuse("questions", questions, 1);
    open[cost]++;
    return () => {
      open[cost]--;
    };
  }

  #client(who: string): Client {
    let client = this.#clients.get(who);
    if (client === undefined) {
      const isFull = this.#clients.size >= clientsMax && !this.#forgetOne();
      if (isFull && who !== others) return this.#client(others);
      const allowance = this.#config.rate * burstSeconds;
      client = { allowance, at: this.#now(), open: { request: 0, question: 0, stream: 0 } };
    } else this.#clients.delete(who);
    this.#clients.set(who, client);
    return client;
  }

  /** The longest quiet one of a few; one that has something open is counted with what it has. */
  #forgetOne(): boolean {
    let tries = 0;
    for (const [who, { open }] of this.#clients) {
      if (open.request + open.question + open.stream === 0) {
        this.#clients.delete(who);
        return true;
      }
      if (++tries >= 64) return false;
    }
    return false;
  }
}

/** An IPv6 client has its whole /64 to ask from. */
export function clientOfAddress(address: string): string {
  const bytes = parseAddress(address);
  if (bytes === undefined) return address;
  const isIPv4 = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  return Buffer.from(isIPv4 ? bytes : bytes.subarray(0, 8)).toString("hex");
}
