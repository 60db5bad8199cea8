import type { AddressHistory } from "./address-history.ts";
import { Listed } from "./listed.ts";
import type { PodObject } from "./objects.ts";

/** What is remembered of pods that have gone, unless less is asked for. */
const departedDefault = 65_536;

interface Departed {
  readonly pod: PodObject;
  readonly goneMilliseconds: number;
}

/** Pods by key, by uid and by container; those that have gone for as long as flows of theirs may come. */
export class PodTable {
  readonly #history: AddressHistory<PodObject>;
  readonly #departedMax: number;
  readonly #pods = new Listed<PodObject>();
  readonly #departed = new Map<string, Departed>();
  readonly #keyByUid = new Map<string, string>();
  readonly #keyByContainer = new Map<string, string>();
  #changedKeys = new Set<string>();
  #changedAddresses = new Set<string>();

  constructor(history: AddressHistory<PodObject>, departedMax = departedDefault) {
    this.#history = history;
    this.#departedMax = departedMax;
  }

  get count(): number {
    return this.#pods.count;
  }

  get departedCount(): number {
    return this.#departed.size;
  }

  get isWhole(): boolean {
    return this.#pods.isWhole;
  }

  values(): IterableIterator<PodObject> {
    return this.#pods.values();
  }

  /** By what its control groups are called after; also one that has gone. */
  get(key: string): PodObject | undefined {
    return this.#pods.get(key) ?? this.#departed.get(key)?.pod;
  }

  /** Whether it is there now. */
  has(key: string): boolean {
    return this.#pods.get(key) !== undefined;
  }

  ofUid(uid: string): PodObject | undefined {
    return this.get(this.#keyByUid.get(uid) ?? uid);
  }

  ofContainer(containerId: string): PodObject | undefined {
    const key = this.#keyByContainer.get(containerId);
    return key === undefined ? undefined : this.get(key);
  }

  /** `now` in unix ms: when it was heard. */
  put(pod: PodObject, now: number): void {
    const before = this.#pods.put(pod.key, pod);
    this.#departed.delete(pod.key);
    this.#keyByUid.set(pod.uid, pod.key);
    for (const id of pod.containerIds) this.#keyByContainer.set(id, pod.key);
    for (const id of before?.containerIds ?? [])
      if (!pod.containerIds.includes(id)) this.#forgetContainer(id, pod.key);
    for (const address of before?.addresses ?? [])
      if (!pod.addresses.includes(address) && this.#history.release(address, pod.key, now))
        this.#changedAddresses.add(address);
    this.#claim(pod, now);
    this.#changedKeys.add(pod.key);
  }

  remove(pod: PodObject, now: number): void {
    const last = this.#pods.remove(pod.key) ?? pod;
    this.#depart(last, now);
  }

  begin(): void {
    this.#pods.begin();
  }

  end(now: number): void {
    for (const pod of this.#pods.end()) this.#depart(pod, now);
  }

  /** Keys of pods, and addresses, of which something else is known since the last call. */
  takeChanges(): { readonly keys: Set<string>; readonly addresses: Set<string> } {
    const taken = { keys: this.#changedKeys, addresses: this.#changedAddresses };
    this.#changedKeys = new Set();
    this.#changedAddresses = new Set();
    return taken;
  }

  touch(key: string): void {
    this.#changedKeys.add(key);
  }

  sweep(now: number, keepMilliseconds: number): void {
    for (const [key, { pod, goneMilliseconds }] of this.#departed) {
      // The first have gone first.
      if (goneMilliseconds + keepMilliseconds > now && this.#departed.size <= this.#departedMax) return;
      this.#departed.delete(key);
      if (this.#keyByUid.get(pod.uid) === key) this.#keyByUid.delete(pod.uid);
      for (const id of pod.containerIds) this.#forgetContainer(id, key);
    }
  }

  #claim(pod: PodObject, now: number): void {
    const { key, addresses, addressedMilliseconds, isAddressedKnown, endedMilliseconds } = pod;
    const from = addressedMilliseconds || now;
    const heard = isAddressedKnown ? Math.min(now, from + 999) : now;
    const until = endedMilliseconds || Infinity;
    for (const address of addresses)
      if (this.#history.claim(address, key, pod, from, until, heard)) this.#changedAddresses.add(address);
  }

  #depart(pod: PodObject, now: number): void {
    this.#departed.delete(pod.key); // so that it is the last
    this.#departed.set(pod.key, { pod, goneMilliseconds: now });
    for (const address of pod.addresses)
      if (this.#history.release(address, pod.key, now)) this.#changedAddresses.add(address);
    this.sweep(now, Infinity);
  }

  #forgetContainer(id: string, key: string): void {
    if (this.#keyByContainer.get(id) === key) this.#keyByContainer.delete(id);
  }
}
