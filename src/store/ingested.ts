import { SequenceWindow } from "./sequence-window.ts";

/** A message of an agent whose records were appended. */
export interface IngestedMessage {
  readonly instance: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  readonly agentVersion: string;
  /** Unix ms of its arrival. */
  readonly seen: number;
}

/** What the store holds of one epoch. */
export interface IngestedEpoch extends Omit<IngestedMessage, "sequence"> {
  readonly window: SequenceWindow;
}

interface Waiting {
  readonly message: IngestedMessage;
  settle(isDurable: boolean): void;
}

/** Epochs remembered at most: starts of agents, the last seen first. About 300 bytes each. */
export const epochsMax = 16_384;
/**
 * Of one agent: as many starts as can have messages on the way at once. Beyond it an agent's own oldest goes, so that one that
 * starts over and over does not make the server forget what it has of others.
 */
export const instanceEpochsMax = 64;

/** Which messages of agents are in the store. What a commit writes is known as durable only when it has succeeded. */
export class Ingested {
  readonly #epochs = new Map<string, IngestedEpoch>();
  /** By instance, the last seen last. */
  readonly #epochsByInstance = new Map<string, Set<string>>();
  #waiting: Waiting[] = [];

  /** Replaces what is known by what the file says. */
  load(epochs: Iterable<IngestedEpoch>): void {
    this.#epochs.clear();
    this.#epochsByInstance.clear();
    for (const epoch of epochs) this.#keep(epoch);
  }

  has(epoch: string, sequence: number): boolean {
    return this.#epochs.get(epoch)?.window.has(sequence) ?? false;
  }

  /** All, the last seen last. */
  epochs(): Iterable<IngestedEpoch> {
    return this.#epochs.values();
  }

  /** Resolves with whether the commit that takes it has made it durable. */
  add(message: IngestedMessage): Promise<boolean> {
    return new Promise((settle) => this.#waiting.push({ message, settle }));
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** What a commit has to write, and whom it has to tell. One commit at a time. */
  take(): { readonly epochs: readonly IngestedEpoch[]; settle(isDurable: boolean): void } {
    const taken = this.#waiting;
    this.#waiting = [];
    const epochs = new Map<string, IngestedEpoch>();
    for (const { message } of taken) {
      const { sequence, ...rest } = message;
      const before = epochs.get(message.epoch) ?? this.#epochs.get(message.epoch);
      const window = before === undefined ? new SequenceWindow() : before.window.copy();
      window.add(sequence);
      epochs.set(message.epoch, { ...rest, window });
    }
    return {
      epochs: [...epochs.values()],
      settle: (isDurable) => {
        if (isDurable) for (const epoch of epochs.values()) this.#keep(epoch);
        for (const { settle } of taken) settle(isDurable);
      },
    };
  }

  #keep(epoch: IngestedEpoch): void {
    const before = this.#epochs.get(epoch.epoch);
    if (before !== undefined) this.#forget(before);
    const own = this.#epochsByInstance.get(epoch.instance);
    const oldest = own !== undefined && own.size >= instanceEpochsMax ? first(own) : undefined;
    if (oldest !== undefined) this.#forget(this.#epochs.get(oldest)!);
    else if (this.#epochs.size >= epochsMax) this.#forget(first(this.#epochs.values())!);
    this.#epochs.set(epoch.epoch, epoch);
    const kept = this.#epochsByInstance.get(epoch.instance);
    if (kept === undefined) this.#epochsByInstance.set(epoch.instance, new Set([epoch.epoch]));
    else kept.add(epoch.epoch);
  }

  #forget({ epoch, instance }: IngestedEpoch): void {
    this.#epochs.delete(epoch);
    const own = this.#epochsByInstance.get(instance);
    own?.delete(epoch);
    if (own?.size === 0) this.#epochsByInstance.delete(instance);
  }
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}
