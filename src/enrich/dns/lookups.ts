import { formatAddress } from "../../flow/index.ts";
import { type DnsMessage, parseDnsMessage } from "../../packet/index.ts";
import type { SocketOwner } from "../socket-owners.ts";
import type { AskedNames, Asker } from "./asked-names.ts";
import type { NameTable } from "./name-table.ts";
import type { ResolverTrust } from "./resolver-trust.ts";

/** A DNS message as it left or reached a socket of this machine. */
export interface DnsSighting extends SocketOwner {
  readonly bytes: Uint8Array;
  /** Offset and length of the message in `bytes`, and offset of the resolver's 16-byte address. */
  readonly message: number;
  readonly messageLength: number;
  readonly resolverAddress: number;
  /** Offset of the asker's 16-byte address. */
  readonly localAddress: number;
  readonly isAnswer: boolean;
  readonly localPort: number;
  /** Of the kernel's monotonic clock. */
  readonly seenNanoseconds: number;
}

/** What became of the questions to a resolver, or for a name, since the start. */
export interface LookupFigures {
  readonly queryCount: number;
  readonly answerCount: number;
  /** Answers by response code other than NOERROR. */
  readonly failureCounts: Readonly<Record<string, number>>;
  readonly timedOutCount: number;
  /** Of answers; 0 without one. */
  readonly latencyMeanMilliseconds: number;
  readonly latencyMaxMilliseconds: number;
  /** Over all answers. */
  readonly latencySumMilliseconds: number;
}

export interface LookupReport {
  /** Addresses whose name is known. */
  readonly nameCount: number;
  /** Questions that wait for their answer. */
  readonly waitingCount: number;
  /** Bytes that are no DNS message, though they came from a resolver's port. */
  readonly malformedCount: number;
  /** Answers to no question that was seen: late, sent twice, or made up. They name nothing. */
  readonly unaskedCount: number;
  /** Answers of resolvers that are not believed: they are counted with the others, and name nothing. */
  readonly unbelievedCount: number;
  readonly resolvers: readonly (LookupFigures & { readonly address: string })[];
  /** Those with the most failures and time-outs first, then the most asked for. */
  readonly names: readonly (LookupFigures & { readonly name: string })[];
}

export interface LookupsDependencies {
  readonly names: NameTable;
  readonly trust: Pick<ResolverTrust, "note" | "isBelieved">;
  /** Where names are kept with who asked; not when not given. */
  readonly asked?: Pick<AskedNames, "ask" | "answer" | "giveUp"> | undefined;
  /** An address has got a name, or another one. */
  onName?(bytes: Uint8Array, offset: number, name: string): void;
}

export interface LookupsConfig {
  readonly timeoutSeconds: number;
  readonly waitingMax: number;
  readonly resolversMax: number;
  readonly namesMax: number;
}

/** glibc and musl ask again after five seconds. */
export const lookupsDefaults: LookupsConfig = {
  timeoutSeconds: 5,
  waitingMax: 16_384,
  resolversMax: 256,
  namesMax: 4096,
};

export interface Lookups {
  /** `seconds` is unix time. */
  take(sighting: DnsSighting, seconds: number): void;
  /** Counts questions that got no answer in time. */
  expire(nowNanoseconds: number): void;
  /** At most `namesMax` names. */
  report(namesMax?: number): LookupReport;
}

/** Beyond the bound of resolvers or names, the others are counted under this. */
const others = "~other";
/** Names of addresses are as many as addresses: counted one by one they would leave no room for those that people choose. */
const addressNames = "~reverse";
const pointerType = 12; // PTR
const addressTypes = new Set([1, 28]); // A, AAAA
/** IANA's DNS RCODEs; the rest by number. */
const codeNames = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

interface Waiting {
  readonly sentNanoseconds: number;
  readonly name: string;
  readonly type: number;
  readonly tallies: readonly Tally[];
  readonly asker: Asker | undefined;
}

/**
 * Joins answers to their questions: names what they lead to, and counts how resolvers and names do. An answer is believed only
 * when its question was seen to leave: same socket's port, resolver, id, name and type; and it names only when its resolver is trusted.
 */
export function createLookups(
  { names, trust, asked, onName }: LookupsDependencies,
  config: LookupsConfig = lookupsDefaults,
): Lookups {
  /** In the order they were sent. */
  const waiting = new Map<string, Waiting>();
  const resolvers = new Map<string, Tally>();
  const askedNames = new Map<string, Tally>();
  let malformedCount = 0;
  let unaskedCount = 0;
  let unbelievedCount = 0;

  function ask(key: string, message: DnsMessage, resolver: string, sighting: DnsSighting): void {
    const tallies = [
      tallyOf(resolvers, resolver, config.resolversMax),
      tallyOf(askedNames, tallyName(message), config.namesMax),
    ];
    for (const tally of tallies) tally.queryCount++;
    const asker = asked?.ask(sighting, tallyName(message));
    if (waiting.has(key)) return; // asked again with the same id: the first counts
    if (waiting.size >= config.waitingMax) giveUp(waiting.entries().next().value!);
    const { name, type } = message;
    waiting.set(key, { sentNanoseconds: sighting.seenNanoseconds, name, type, tallies, asker });
  }

  function giveUp([key, { tallies, asker }]: [string, Waiting]): void {
    waiting.delete(key);
    if (asker !== undefined) asked?.giveUp(asker);
    for (const tally of tallies) tally.timedOutCount++;
  }

  function answer(key: string, message: DnsMessage, sighting: DnsSighting, seconds: number): void {
    const question = waiting.get(key);
    if (question === undefined || question.name !== message.name || question.type !== message.type) {
      unaskedCount++;
      return;
    }
    waiting.delete(key);
    const milliseconds = Math.max(0, (sighting.seenNanoseconds - question.sentNanoseconds) / 1e6);
    for (const tally of question.tallies) tally.addAnswer(message.responseCode, milliseconds);
    if (question.asker !== undefined) asked?.answer(question.asker, message.responseCode, milliseconds);
    if (!addressTypes.has(message.type) || message.name === "") return;
    if (!trust.isBelieved(sighting.bytes, sighting.resolverAddress, sighting.networkNamespace)) {
      unbelievedCount++;
      return;
    }
    for (const { address, ttlSeconds } of message.addresses) {
      const isNews = names.remember(sighting.networkNamespace, address, 0, message.name, ttlSeconds, seconds);
      if (isNews) onName?.(address, 0, message.name);
    }
  }

  return {
    take(sighting, seconds) {
      const { bytes, message: start, messageLength, resolverAddress, networkNamespace, localPort } = sighting;
      const message = parseDnsMessage(bytes, start, messageLength);
      if (message === undefined || message.isResponse !== sighting.isAnswer) {
        malformedCount++;
        return;
      }
      const resolver = formatAddress(bytes, resolverAddress);
      const key = `${networkNamespace} ${localPort} ${message.id} ${resolver}`;
      if (sighting.isAnswer) return answer(key, message, sighting, seconds);
      trust.note(bytes, resolverAddress, networkNamespace, seconds);
      ask(key, message, resolver, sighting);
    },
    expire(nowNanoseconds) {
      for (const entry of waiting) {
        if (nowNanoseconds - entry[1].sentNanoseconds < config.timeoutSeconds * 1e9) break;
        giveUp(entry);
      }
    },
    report(namesMax = 100) {
      const worst = [...askedNames].sort(
        ([, a], [, b]) => b.troubleCount - a.troubleCount || b.queryCount - a.queryCount,
      );
      return {
        nameCount: names.count,
        waitingCount: waiting.size,
        malformedCount,
        unaskedCount,
        unbelievedCount,
        resolvers: [...resolvers].map(([address, tally]) => ({ address, ...tally.figures() })),
        names: worst.slice(0, namesMax).map(([name, tally]) => ({ name, ...tally.figures() })),
      };
    },
  };
}

function tallyName({ type, name }: DnsMessage): string {
  return type === pointerType ? addressNames : name;
}

class Tally {
  queryCount = 0;
  timedOutCount = 0;
  #answerCount = 0;
  #latencySum = 0;
  #latencyMax = 0;
  readonly #failures = new Map<number, number>();

  addAnswer(responseCode: number, milliseconds: number): void {
    this.#answerCount++;
    this.#latencySum += milliseconds;
    this.#latencyMax = Math.max(this.#latencyMax, milliseconds);
    if (responseCode !== 0) this.#failures.set(responseCode, (this.#failures.get(responseCode) ?? 0) + 1);
  }

  /** Questions that did not get what they asked for. */
  get troubleCount(): number {
    return [...this.#failures.values()].reduce((sum, count) => sum + count, this.timedOutCount);
  }

  figures(): LookupFigures {
    const byName = [...this.#failures].map(
      ([code, count]) => [codeNames[code] ?? `RCODE${code}`, count] as const,
    );
    return {
      queryCount: this.queryCount,
      answerCount: this.#answerCount,
      failureCounts: Object.fromEntries(byName),
      timedOutCount: this.timedOutCount,
      latencyMeanMilliseconds: this.#answerCount === 0 ? 0 : this.#latencySum / this.#answerCount,
      latencyMaxMilliseconds: this.#latencyMax,
      latencySumMilliseconds: this.#latencySum,
    };
  }
}

function tallyOf(tallies: Map<string, Tally>, key: string, tallyMax: number): Tally {
  const known = tallies.get(key);
  if (known !== undefined) return known;
  if (tallies.size >= tallyMax && key !== others) return tallyOf(tallies, others, tallyMax + 1);
  const added = new Tally();
  tallies.set(key, added);
  return added;
}
