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

/** Which messages of agents are in the store. What a commit writes is known as durable only when it has succeeded. */
export class Ingested {
  readonly #epochs = new Map<string, IngestedEpoch>();
  #waiting: Waiting[] = [];

  /** Replaces what is known by what the file says. */
  load(epochs: Iterable<IngestedEpoch>): void {
    this.#epochs.clear();
    for (const epoch of epochs) this.#epochs.set(epoch.epoch, epoch);
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
    this.#epochs.delete(epoch.epoch);
    if (this.#epochs.size >= epochsMax) this.#epochs.delete(this.#epochs.keys().next().value!);
    this.#epochs.set(epoch.epoch, epoch);
  }
}
