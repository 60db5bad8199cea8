import { copyAddress } from "../../flow/index.ts";
import { type AskedCounter, type AskedName, otherNames } from "../../topology/index.ts";
import type { SocketOwner, SocketOwners } from "../socket-owners.ts";

export interface AskedNamesConfig {
  /** Names of all peers together, of one report. */
  readonly namesMax: number;
  readonly namesPerPeerMax: number;
}

/** An agent looks once a second: what asks for more names within one is no workload that anybody reads the names of. */
export const askedNamesDefaults: AskedNamesConfig = { namesMax: 8192, namesPerPeerMax: 512 };

export interface AskedNamesDependencies {
  readonly owners: Pick<SocketOwners, "peerOf">;
  /** Counts names that are not kept with who asked. */
  lost(): void;
}

/** Who asked, and for what: kept until the answer comes. */
export interface Asker extends SocketOwner {
  /** 16 bytes. */
  readonly address: Uint8Array;
  readonly name: string;
}

/** A DNS question as it left its socket. */
interface Question extends SocketOwner {
  readonly bytes: Uint8Array;
  readonly localAddress: number;
}

type Tally = { -readonly [K in keyof AskedName]: AskedName[K] };

/** IANA's DNS RCODEs that are told apart. */
const failureCounters: Readonly<Record<number, AskedCounter>> = {
  2: "servfailCount",
  3: "nxdomainCount",
  5: "refusedCount",
};

/**
 * The names that peers asked for since the last report. A peer is the owner of the socket, at the address it asked from: the one that its
 * flows have. Rows of peers may be freed between question and answer, so each time it is asked anew who it is.
 */
export class AskedNames {
  readonly #config: AskedNamesConfig;
  readonly #dependencies: AskedNamesDependencies;
  #byPeer = new Map<number, Map<string, Tally>>();
  #count = 0;

  constructor(dependencies: AskedNamesDependencies, config: AskedNamesConfig = askedNamesDefaults) {
    this.#dependencies = dependencies;
    this.#config = config;
  }

  ask(question: Question, name: string): Asker {
    const { process, processName, cgroupId, networkNamespace, bytes, localAddress } = question;
    const address = new Uint8Array(16);
    copyAddress(bytes, localAddress, address, 0);
    const asker = { process, processName, cgroupId, networkNamespace, address, name };
    const tally = this.#tallyOf(asker);
    if (tally !== undefined) tally.queryCount++;
    if (tally?.name !== name) this.#dependencies.lost();
    return asker;
  }

  answer(asker: Asker, responseCode: number, milliseconds: number): void {
    const tally = this.#tallyOf(asker);
    if (tally === undefined) return;
    const microseconds = Math.round(milliseconds * 1000);
    tally.answerCount++;
    tally.latencySumMicroseconds += microseconds;
    tally.latencyMaxMicroseconds = Math.max(tally.latencyMaxMicroseconds, microseconds);
    if (responseCode !== 0) tally[failureCounters[responseCode] ?? "otherFailureCount"]++;
  }

  giveUp(asker: Asker): void {
    const tally = this.#tallyOf(asker);
    if (tally !== undefined) tally.timedOutCount++;
  }

  /** All since the last call, whose rows of peers are good until peers are freed. */
  take(): AskedName[] {
    if (this.#count === 0) return [];
    const taken = [...this.#byPeer.values()].flatMap((names) => [...names.values()]);
    this.#byPeer = new Map();
    this.#count = 0;
    return taken;
  }

  /** That of `~other` beyond a peer's bound; undefined when nobody knows whose the socket is, or there is no room at all. */
  #tallyOf(asker: Asker): Tally | undefined {
    const peer = this.#dependencies.owners.peerOf(asker, asker.address, 0);
    if (peer === 0) return undefined;
    const names = this.#byPeer.get(peer) ?? new Map<string, Tally>();
    const known = names.get(asker.name);
    if (known !== undefined) return known;
    if (names.size < this.#config.namesPerPeerMax) return this.#add(peer, names, asker.name);
    return names.get(otherNames) ?? this.#add(peer, names, otherNames);
  }

  #add(peer: number, names: Map<string, Tally>, name: string): Tally | undefined {
    if (this.#count >= this.#config.namesMax) return undefined;
    const tally = newTally(peer, name);
    names.set(name, tally);
    this.#byPeer.set(peer, names);
    this.#count++;
    return tally;
  }
}

function newTally(peer: number, name: string): Tally {
  return {
    ...{ peer, name, queryCount: 0, answerCount: 0 },
    ...{ nxdomainCount: 0, servfailCount: 0, refusedCount: 0, otherFailureCount: 0, timedOutCount: 0 },
    ...{ latencySumMicroseconds: 0, latencyMaxMicroseconds: 0 },
  };
}
