import type { AccessToken, Credentials, IngestToken, Scope } from "../../settings/index.ts";
import { createTokenCheck } from "./token-check.ts";

/** The tokens of the configuration, as it was last read. */
export class CredentialTable {
  #tokens: readonly AccessToken[] = [];
  #check = createTokenCheck<AccessToken>([]);
  #checkIngest = createTokenCheck<IngestToken>([]);
  readonly #onReplaced = new Set<() => void>();

  constructor(credentials: Credentials) {
    this.replace(credentials);
  }

  /** From now on these; whoever came with one that is gone is let in no more. */
  replace({ tokens = [], ingestTokens = [] }: Credentials): void {
    this.#tokens = tokens;
    this.#check = createTokenCheck(tokens);
    const alsoForAgents = tokens.filter((token) => token.scopes.includes("ingest"));
    this.#checkIngest = createTokenCheck<IngestToken>([...ingestTokens, ...alsoForAgents]);
    for (const replaced of this.#onReplaced) replaced();
  }

  /** Calls back whenever they may be others, until what it returns is called. */
  onReplaced(replaced: () => void): () => void {
    this.#onReplaced.add(replaced);
    return () => void this.#onReplaced.delete(replaced);
  }

  /** Of an `Authorization` header. */
  bearerOf(header: string | undefined): AccessToken | undefined {
    return this.#check(header);
  }

  ingestBearerOf(header: string | undefined): IngestToken | undefined {
    return this.#checkIngest(header);
  }

  /** As it is now; undefined when there is no such token any more. */
  byHash(hash: string): AccessToken | undefined {
    return this.#tokens.find((token) => token.hash === hash);
  }
}

export function hasScope({ scopes }: AccessToken, scope: Scope): boolean {
  return scopes.includes(scope) || (scope === "read" && scopes.includes("admin"));
}
