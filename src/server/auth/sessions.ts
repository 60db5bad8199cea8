import { createHash, randomBytes } from "node:crypto";

/** Signed-in browsers at most; beyond it the one that was away longest signs in again. About 300 bytes each. */
const sessionsMax = 10_000;
/** Of one token, which a team may share: signing in again and again signs out its own, not everybody's. */
const ofTokenMax = 1000;
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
  readonly #countOf = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The new session's id, which only its browser has. */
  open(tokenHash: string): string {
    const id = randomBytes(32).toString("base64url");
    if (this.#count(tokenHash) >= ofTokenMax) this.#forgetLongestAway(tokenHash);
    else if (this.#sessions.size >= sessionsMax) this.#forgetLongestAway();
    this.#sessions.set(keyOf(id), { tokenHash, openedAt: this.#now(), lastSeen: this.#now() });
    this.#countOf.set(tokenHash, this.#count(tokenHash) + 1);
    return id;
  }

  /** The hash of the token it was opened with. */
  find(id: string): string | undefined {
    const key = keyOf(id);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    const now = this.#now();
    if (now - session.lastSeen > idleMilliseconds || now - session.openedAt > ageMilliseconds) {
      this.#forget(key);
      return undefined;
    }
    session.lastSeen = now;
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    return session.tokenHash;
  }

  close(id: string): void {
    this.#forget(keyOf(id));
  }

  #count(tokenHash: string): number {
    return this.#countOf.get(tokenHash) ?? 0;
  }

  #forgetLongestAway(tokenHash?: string): void {
    for (const [key, session] of this.#sessions) {
      if (tokenHash !== undefined && session.tokenHash !== tokenHash) continue;
      this.#forget(key);
      return;
    }
  }

  #forget(key: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined) return;
    this.#sessions.delete(key);
    const left = this.#count(session.tokenHash) - 1;
    if (left === 0) this.#countOf.delete(session.tokenHash);
    else this.#countOf.set(session.tokenHash, left);
  }
}

function keyOf(id: string): string {
  return createHash("sha256").update(id).digest("base64");
}
