import { createHash, randomBytes } from "node:crypto";

/** Signed-in browsers at most; beyond it the one that was away longest signs in again. About 300 bytes each. */
const sessionsMax = 10_000;
const idleMilliseconds = 7 * 86_400_000;
const ageMilliseconds = 30 * 86_400_000;

interface Session {
  readonly tokenHash: string;
  readonly openedAt: number;
  lastSeen: number;
}

/**
 * Who has signed in on the page, in memory: after a restart people sign in again. Ids are kept by their hashes, so that looking one
 * up tells nothing by its time.
 */
export class Sessions {
  readonly #now: () => number;
  /** The last seen last. */
  readonly #sessions = new Map<string, Session>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The new session's id, which only its browser has. */
  open(tokenHash: string): string {
    const id = randomBytes(32).toString("base64url");
    const [longestAway] = this.#sessions.keys();
    if (this.#sessions.size >= sessionsMax) this.#sessions.delete(longestAway!);
    this.#sessions.set(keyOf(id), { tokenHash, openedAt: this.#now(), lastSeen: this.#now() });
    return id;
  }

  /** The hash of the token it was opened with. */
  find(id: string): string | undefined {
    const key = keyOf(id);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    this.#sessions.delete(key);
    const now = this.#now();
    if (now - session.lastSeen > idleMilliseconds || now - session.openedAt > ageMilliseconds)
      return undefined;
    session.lastSeen = now;
    this.#sessions.set(key, session);
    return session.tokenHash;
  }

  close(id: string): void {
    this.#sessions.delete(keyOf(id));
  }
}

function keyOf(id: string): string {
  return createHash("sha256").update(id).digest("base64");
}
