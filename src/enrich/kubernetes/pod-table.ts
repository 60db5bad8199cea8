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
  has({ uid }: Pick<PodObject, "uid">): boolean {
    return this.#pods.get(this.#keyByUid.get(uid) ?? uid)?.uid === uid;
  }

  ofUid(uid: string): PodObject | undefined {
    return this.get(this.#keyByUid.get(uid) ?? uid);
  }

  ofContainer(containerId: string): PodObject | undefined {
    const key = this.#keyByContainer.get(containerId);
    return key === undefined ? undefined : this.get(key);
  }

  /** `now` in unix ms: when it was heard. */
  put(told: PodObject, now: number): void {
    const pod = this.#byOwnKey(told);
    const holder = this.#pods.get(pod.key);
    if (pod.key === pod.uid && holder !== undefined && holder.uid !== pod.uid) this.#giveWay(holder, now);
    const before = this.#pods.put(pod.key, pod);
    for (const last of [before, this.#departed.get(pod.key)?.pod]) if (last) this.#forgetUid(last);
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

  remove(told: PodObject, now: number): void {
    const pod = this.#byOwnKey(told);
    const holder = this.#pods.get(pod.key);
    if (holder !== undefined && holder.uid !== pod.uid) return; // another has come in its place
    this.#pods.remove(pod.key);
    this.#depart(holder ?? pod, now);
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
      this.#forgetUid(pod);
      for (const id of pod.containerIds) this.#forgetContainer(id, key);
    }
  }

  /**
   * With the key by which it goes here: the one it had. A hash is what an annotation says, which somebody may have set to the uid of
   * another's pod; whose uid it is has it.
   */
  #byOwnKey(pod: PodObject): PodObject {
    const { key, uid } = pod;
    const known = this.#keyByUid.get(uid) ?? (this.get(key)?.uid === key ? uid : key);
    return known === key ? pod : { ...pod, key: known };
  }

  /** A pod that goes by a hash turns out to go by another's uid: it goes by its own. */
  #giveWay(pod: PodObject, now: number): void {
    this.#pods.remove(pod.key);
    this.#forgetUid(pod);
    for (const address of pod.addresses)
      if (this.#history.release(address, pod.key, now)) this.#changedAddresses.add(address);
    this.put({ ...pod, key: pod.uid }, now);
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

  #forgetUid({ uid, key }: PodObject): void {
    if (this.#keyByUid.get(uid) === key) this.#keyByUid.delete(uid);
  }

  #forgetContainer(id: string, key: string): void {
    if (this.#keyByContainer.get(id) === key) this.#keyByContainer.delete(id);
  }
}
