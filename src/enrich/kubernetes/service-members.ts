import type { SliceObject } from "./objects.ts";

/** Services told of per pod; more are counted by nobody. */
const servicesMax = 8;

/** Which services send their connections to a pod, as endpoint slices tell. A service with many pods has several slices. */
export class ServiceMembers {
  /** By uid of the pod: the slices that name it, and their service. */
  readonly #slicesByPod = new Map<string, Map<string, string>>();

  /** Gives the uids of pods for which something changed. */
  replace(before: SliceObject | undefined, after: SliceObject | undefined): string[] {
    const old = new Set(before?.service === "" ? [] : before?.podUids);
    const now = new Set(after?.service === "" ? [] : after?.podUids);
    const isSameService = before?.service === after?.service;
    const changed: string[] = [];
    for (const uid of old) {
      if (now.has(uid) && isSameService) continue;
      this.#leave(uid, keyOf(before!));
      changed.push(uid);
    }
    for (const uid of now) {
      if (uid === "" || (old.has(uid) && isSameService)) continue;
      const slices = this.#slicesByPod.get(uid) ?? new Map<string, string>();
      this.#slicesByPod.set(uid, slices.set(keyOf(after!), after!.service));
      changed.push(uid);
    }
    return changed;
  }

  namesOf(uid: string): string {
    const slices = this.#slicesByPod.get(uid);
    if (slices === undefined) return "";
    return [...new Set(slices.values())].sort().slice(0, servicesMax).join(", ");
  }

  #leave(uid: string, slice: string): void {
    const slices = this.#slicesByPod.get(uid);
    slices?.delete(slice);
    if (slices?.size === 0) this.#slicesByPod.delete(uid);
  }
}

function keyOf({ namespace, name }: SliceObject): string {
  return `${namespace}/${name}`;
}
