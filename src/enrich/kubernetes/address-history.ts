/** Who had an address and when, in unix ms by the API server's clock. */
interface Claim<Holder> {
  readonly key: string;
  holder: Holder;
  /** From when the address can have been the holder's. */
  from: number;
  /** Until when it can have been; Infinity while nothing says that it is not. */
  until: number;
  /** When it was heard that the holder has the address: from then on it surely has. */
  readonly heard: number;
}

/** Who had the address at a time, and for which times the answer is the same: from `since` up to, not including, `until`. */
export interface HeldAddress<Holder> {
  readonly holder: Holder | undefined;
  readonly since: number;
  readonly until: number;
}

export interface AddressHistoryConfig {
  /** How long somebody who has gone stays known for the flows of that time. */
  readonly keepMilliseconds: number;
  /** How long after its end a holder is still who was meant: peers go on sending for a while. */
  readonly lingerMilliseconds: number;
  /** Clocks of nodes and of the API server differ, and times are told in whole seconds. */
  readonly slackMilliseconds: number;
  /** Addresses with claims, and claims of one address, at most. */
  readonly addressesMax: number;
  readonly claimsMax: number;
}

export const addressHistoryDefaults: AddressHistoryConfig = {
  keepMilliseconds: 3_600_000,
  lingerMilliseconds: 60_000,
  slackMilliseconds: 5000,
  addressesMax: 262_144,
  claimsMax: 16,
};

/**
 * Addresses are given away again within seconds of their holder's end, and records come up to an hour late: who an address was
 * is asked for a moment. Where one holder follows another, the change is when the first was told to have ended, but not before the
 * next can have had it, nor after the next was told to have it.
 */
export class AddressHistory<Holder> {
  readonly #config: AddressHistoryConfig;
  readonly #claims = new Map<string, Claim<Holder>[]>();
  #refused = 0;

  constructor(config: AddressHistoryConfig = addressHistoryDefaults) {
    this.#config = config;
  }

  get count(): number {
    return this.#claims.size;
  }

  /** Claims for which there was no room. */
  get refused(): number {
    return this.#refused;
  }

  /** `until` is Infinity for a holder that lives. Told again, a claim is corrected. Returns whether anything changed. */
  claim(address: string, key: string, holder: Holder, from: number, until: number, heard: number): boolean {
    const claims = this.#claims.get(address) ?? this.#begin(address);
    if (claims === undefined) return false;
    const known = claims.find((claim) => claim.key === key);
    if (known !== undefined) {
      const isChanged = known.holder !== holder || known.from !== from || known.until !== until;
      Object.assign(known, { holder, from, until });
      if (isChanged) claims.sort(byFrom);
      return isChanged;
    }
    claims.push({ key, holder, from, until, heard });
    claims.sort(byFrom);
    if (claims.length > this.#config.claimsMax) claims.shift();
    return true;
  }

  /** The holder has gone, or has the address no more. */
  release(address: string, key: string, at: number): boolean {
    const known = this.#claims.get(address)?.find((claim) => claim.key === key);
    if (known === undefined || known.until <= at) return false;
    known.until = at;
    return true;
  }

  at(address: string, time: number): HeldAddress<Holder> {
    const claims = this.#claims.get(address);
    if (claims === undefined) return { holder: undefined, since: Number.NEGATIVE_INFINITY, until: Infinity };
    let since = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < claims.length; i++) {
      const claim = claims[i]!;
      // The first holder is believed a little before its time; who came before it is not known.
      const start = i === 0 ? claim.from - this.#config.slackMilliseconds : Math.max(since, claim.from);
      if (time < start) return { holder: undefined, since, until: start };
      const next = claims[i + 1];
      const change = next === undefined ? Infinity : changeBetween(claim, next);
      const end = Math.min(change, claim.until + this.#config.lingerMilliseconds);
      if (time < end) return { holder: claim.holder, since: Math.max(since, start), until: end };
      since = Math.max(since, end);
    }
    return { holder: undefined, since, until: Infinity };
  }

  /** Whether somebody has, or had, the address. */
  has(address: string): boolean {
    return this.#claims.has(address);
  }

  /** Lets go of those who ended long ago. */
  sweep(now: number): void {
    for (const [address, claims] of this.#claims) {
      const kept = claims.filter(({ until }) => until + this.#config.keepMilliseconds > now);
      if (kept.length === 0) this.#claims.delete(address);
      else if (kept.length < claims.length) this.#claims.set(address, kept);
    }
  }

  #begin(address: string): Claim<Holder>[] | undefined {
    if (this.#claims.size >= this.#config.addressesMax) {
      this.#refused++;
      return undefined;
    }
    const claims: Claim<Holder>[] = [];
    this.#claims.set(address, claims);
    return claims;
  }
}

/** Among equals the one heard of later had it later. */
function byFrom(a: Claim<unknown>, b: Claim<unknown>): number {
  return a.from - b.from || a.heard - b.heard;
}

function changeBetween(before: Claim<unknown>, next: Claim<unknown>): number {
  if (before.until === Infinity) return next.from; // its end was missed
  return Math.min(Math.max(before.until, next.from), Math.max(next.from, next.heard));
}
