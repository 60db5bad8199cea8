import { Resolver } from "node:dns/promises";
import { formatAddress, isLoopback, isUnspecified } from "../../flow/index.ts";
import { addressKey } from "../address-key.ts";

/** Whose addresses are asked for: nobody's, those of our networks, or everybody's. */
export const reverseModes = ["off", "inside", "all"] as const;
export type ReverseMode = (typeof reverseModes)[number];

export interface ReverseNamesConfig {
  readonly mode: ReverseMode;
  /** Addresses whose answer is kept at most, about 250 bytes each. */
  readonly namesMax: number;
  /** Addresses that wait to be asked for at most; those beyond are asked for when they are seen again. */
  readonly waitingMax: number;
  readonly questionsPerSecond: number;
  /** Questions under way at once. */
  readonly concurrencyMax: number;
  readonly timeoutMilliseconds: number;
  /** How long a name is believed, how long that there is none, and how long a resolver that did not answer is not bothered. */
  readonly nameSeconds: number;
  readonly noNameSeconds: number;
  readonly noAnswerSeconds: number;
}

export const reverseNamesDefaults: Omit<ReverseNamesConfig, "mode"> = {
  namesMax: 65_536,
  waitingMax: 4096,
  questionsPerSecond: 20,
  concurrencyMax: 8,
  timeoutMilliseconds: 2000,
  nameSeconds: 6 * 3600,
  noNameSeconds: 3600,
  noAnswerSeconds: 120,
};

export interface ReverseNamesDependencies {
  isInside(bytes: Uint8Array, offset: number): boolean;
  /** Whether an address has a better name: then nobody is told of what the DNS calls it. */
  isNamed(bytes: Uint8Array, offset: number): boolean;
  /** Unix milliseconds. */
  now(): number;
  /** An address has got a name, or another one; "" never. */
  onName(bytes: Uint8Array, offset: number, name: string): void;
  /** Asks for the names of an address; rejects with a `code` as node:dns does. By default the machine's own resolver. */
  reverse?(address: string): Promise<readonly string[]>;
}

export interface ReverseNamesStatus {
  readonly mode: ReverseMode;
  readonly nameCount: number;
  readonly waitingCount: number;
  readonly askedCount: number;
  /** Answers that there is no name. */
  readonly noNameCount: number;
  /** Questions without an answer: time-outs, resolvers that refuse or fail. */
  readonly failedCount: number;
  /** Addresses that were not asked for, because too many waited. */
  readonly leftOutCount: number;
}

export interface ReverseNames {
  start(): void;
  stop(): void;
  /** The name, or "" as long as none is known; `onName` tells when it is. Never waits. */
  nameOf(bytes: Uint8Array, offset: number): string;
  /** Asks again for those whose answer is too old, as long as somebody has the address; to be called every minute. */
  refresh(isInUse: (bytes: Uint8Array, offset: number) => boolean): void;
  status(): ReverseNamesStatus;
}

interface Entry {
  readonly bytes: Uint8Array;
  /** "" when there is none, or none yet. */
  readonly name: string;
  readonly untilMilliseconds: number;
}

const secondMilliseconds = 1000;

/**
 * Names of addresses as the DNS has them (PTR records), asked for in the background, so many a second and no more. What a
 * name outside says is its owner's claim: names that workloads looked up are better, and the caller prefers them.
 */
export function createReverseNames(
  config: ReverseNamesConfig,
  {
    isInside,
    isNamed,
    now,
    onName,
    reverse = askResolver(config.timeoutMilliseconds),
  }: ReverseNamesDependencies,
): ReverseNames {
  /** By address, the answer that is longest known first. */
  const entries = new Map<string, Entry>();
  const waiting = new Map<string, Uint8Array>();
  const counts = { asked: 0, noName: 0, failed: 0, leftOut: 0 };
  /** Addresses that are being asked for. */
  const underWay = new Set<string>();
  let left = config.questionsPerSecond;
  let timer: NodeJS.Timeout | undefined;

  function isWanted(bytes: Uint8Array, offset: number): boolean {
    if (config.mode === "off" || isLoopback(bytes, offset) || isUnspecified(bytes, offset)) return false;
    return config.mode === "all" || isInside(bytes, offset);
  }

  function wait(key: string, bytes: Uint8Array, offset: number): void {
    if (waiting.has(key) || underWay.has(key)) return;
    if (waiting.size >= config.waitingMax) {
      counts.leftOut++;
      return;
    }
    waiting.set(key, bytes.slice(offset, offset + 16));
    askNext();
  }

  function askNext(): void {
    while (timer !== undefined && left > 0 && underWay.size < config.concurrencyMax) {
      const next = waiting.entries().next();
      if (next.done) return;
      const [key, bytes] = next.value;
      waiting.delete(key);
      left--;
      underWay.add(key);
      counts.asked++;
      void ask(key, bytes).finally(() => {
        underWay.delete(key);
        askNext();
      });
    }
  }

  async function ask(key: string, bytes: Uint8Array): Promise<void> {
    const before = entries.get(key)?.name ?? "";
    try {
      const name = hostName(await reverse(formatAddress(bytes)));
      if (name === "") counts.noName++;
      keep(key, bytes, name, name === "" ? config.noNameSeconds : config.nameSeconds);
      const isNews = name !== "" && name !== before && !isNamed(bytes, 0);
      if (isNews && timer !== undefined) onName(bytes, 0, name);
    } catch (error) {
      const isNoName = noNameCodes.has((error as NodeJS.ErrnoException).code ?? "");
      counts[isNoName ? "noName" : "failed"]++;
      // Who did not answer has not said that the name is gone.
      keep(key, bytes, isNoName ? "" : before, isNoName ? config.noNameSeconds : config.noAnswerSeconds);
    }
  }

  function keep(key: string, bytes: Uint8Array, name: string, seconds: number): void {
    entries.delete(key);
    if (entries.size >= config.namesMax) entries.delete(entries.keys().next().value!);
    entries.set(key, { bytes, name, untilMilliseconds: now() + seconds * 1000 });
  }

  return {
    start() {
      if (config.mode === "off" || timer !== undefined) return;
      timer = setInterval(() => {
        left = config.questionsPerSecond;
        askNext();
      }, secondMilliseconds);
      timer.unref();
      askNext();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
      waiting.clear();
    },
    nameOf(bytes, offset) {
      if (!isWanted(bytes, offset)) return "";
      const key = addressKey(bytes, offset);
      const entry = entries.get(key);
      if (entry === undefined || entry.untilMilliseconds < now()) wait(key, bytes, offset);
      return entry?.name ?? "";
    },
    refresh(isInUse) {
      const time = now();
      for (const [key, { bytes, untilMilliseconds }] of entries) {
        if (untilMilliseconds >= time) continue;
        if (isInUse(bytes, 0)) wait(key, bytes, 0);
        else entries.delete(key);
      }
    },
    status() {
      let nameCount = 0;
      for (const { name } of entries.values()) if (name !== "") nameCount++;
      return {
        mode: config.mode,
        nameCount,
        waitingCount: waiting.size,
        askedCount: counts.asked,
        noNameCount: counts.noName,
        failedCount: counts.failed,
        leftOutCount: counts.leftOut,
      };
    },
  };
}

/** The DNS says that there is no such name, or no such record of it. */
const noNameCodes = new Set(["ENOTFOUND", "ENODATA"]);

function askResolver(timeoutMilliseconds: number): (address: string) => Promise<readonly string[]> {
  // One try: an answer that was missed is asked for again later.
  const resolver = new Resolver({ timeout: timeoutMilliseconds, tries: 1 });
  return (address) => resolver.reverse(address);
}

const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const hostNamePattern = new RegExp(`^${label}(?:\\.${label})*$`);

/** The first that is a host's name, in lower case without the last dot. Whoever has the address writes what they like there. */
function hostName(names: readonly string[]): string {
  for (const written of names) {
    const name = written.toLowerCase().replace(/\.$/, "");
    if (name.length <= 253 && hostNamePattern.test(name) && /[a-z]/.test(name)) return name;
  }
  return "";
}
