import { type Stats, unwatchFile, watchFile } from "node:fs";
import type { Credentials } from "../../settings/index.ts";

const lookMilliseconds = 5000;

/** Files that tokens were read from, looked at every few seconds: Kubernetes writes those of a Secret anew when it changes. */
export class TokenFiles {
  readonly #onChange: () => void;
  readonly #milliseconds: number;
  #paths: readonly string[] = [];

  constructor(onChange: () => void, milliseconds = lookMilliseconds) {
    this.#onChange = onChange;
    this.#milliseconds = milliseconds;
  }

  /** From now on those of these credentials. */
  follow({ tokens = [], ingestTokens = [] }: Credentials): void {
    this.stop();
    this.#paths = [...new Set([...tokens, ...ingestTokens].flatMap(({ file }) => file ?? []))];
    for (const path of this.#paths)
      watchFile(path, { interval: this.#milliseconds, persistent: false }, this.#look);
  }

  stop(): void {
    for (const path of this.#paths) unwatchFile(path, this.#look);
    this.#paths = [];
  }

  readonly #look = (now: Stats, before: Stats): void => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) this.#onChange();
  };
}
