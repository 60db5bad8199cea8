import { type ApiClient, ApiError, acceptMetadata, acceptMetadataList } from "./api-client.ts";
import { type JsonObject, listOf, objectOf, textOf } from "./json.ts";
import { controllerOf, type OwnerReference } from "./objects.ts";
import { formatRule, ownerRule } from "./rbac.ts";

export interface Workload {
  readonly name: string;
  readonly kind: string;
}

/** Owners that could not be followed, and what to do about it. */
export interface OwnerProblem {
  /** `prometheuses.monitoring.coreos.com` */
  readonly resource: string;
  readonly reason: string;
  readonly rule: string;
}

export interface OwnersOptions {
  readonly ownersMax?: number;
  /** More of one kind than these are asked for with one list. */
  readonly singlesMax?: number;
  /** Between two rounds of asking; at least as long apart are two lists of one kind: thirty times. */
  readonly roundMilliseconds?: number;
  /** An owner may get, or lose, an owner of its own. */
  readonly recheckMilliseconds?: number;
}

export interface Owners {
  /** The top of what owns an object, as far as it is known by now; what is not known is asked for. */
  topOf(owner: OwnerReference, namespace: string): Workload;
  /** Changes with everything learned. */
  readonly version: number;
  /** Asks for what is missing. Resolves when this round is done. */
  ask(signal: AbortSignal): Promise<void>;
  /** Forgets owners that `topOf` has not been asked for lately, and looks again at old ones. */
  sweep(): void;
  problems(): OwnerProblem[];
  readonly count: number;
  readonly waiting: number;
}

/** `undefined` as an owner: not known yet, or never to be. */
interface Known {
  readonly self: OwnerReference;
  readonly namespace: string;
  /** null: it has none, it is the top. */
  owner: OwnerReference | null | undefined;
  isWaiting: boolean;
  asked: number;
  used: number;
}

interface Resource {
  readonly plural: string;
  readonly isNamespaced: boolean;
}

/** Longer chains, and circles, are nobody's doing but an error's. */
const depthMax = 16;
const kindsMax = 1000;
const deniedMilliseconds = 600_000;
const pageSize = 250;
const listAgainRounds = 30;
const atOnce = 4;

/**
 * Follows owners to the top through any kind, custom ones included: the metadata of each is asked for once and kept. Without
 * permission, or when an owner is no more, the last that is known by name is the top.
 */
export function createOwners(client: ApiClient, now: () => number, options: OwnersOptions = {}): Owners {
  const {
    ownersMax = 100_000,
    singlesMax = 20,
    roundMilliseconds = 1000,
    recheckMilliseconds = 1_800_000,
  } = options;
  const known = new Map<string, Known>();
  const waiting = new Map<string, Known>();
  const groups = new Map<
    string,
    { readonly byKind: ReadonlyMap<string, Resource>; readonly asked: number }
  >();
  const denied = new Map<string, OwnerProblem & { readonly until: number }>();
  const listed = new Map<string, number>();
  let version = 0;

  function topOf(owner: OwnerReference, namespace: string): Workload {
    const seen = new Set<string>();
    let self = owner;
    for (let depth = 0; depth < depthMax; depth++) {
      seen.add(self.uid);
      const entry = known.get(self.uid) ?? begin(self, namespace);
      if (entry !== undefined) entry.used = now();
      const above = entry?.owner;
      if (above === undefined || above === null || above.kind === "Node") return workloadOf(self);
      if (seen.has(above.uid)) return workloadOf(owner); // a circle: the pod's own is as good as any
      self = above;
    }
    return workloadOf(owner);
  }

  function begin(self: OwnerReference, namespace: string): Known | undefined {
    if (self.uid === "" || known.size >= ownersMax) return undefined;
    const entry: Known = { self, namespace, owner: undefined, isWaiting: true, asked: 0, used: now() };
    known.set(self.uid, entry);
    waiting.set(self.uid, entry);
    return entry;
  }

  async function ask(signal: AbortSignal): Promise<void> {
    const byKind = new Map<string, Known[]>();
    for (const entry of waiting.values()) {
      const key = `${entry.self.apiVersion} ${entry.self.kind}`;
      const list = byKind.get(key);
      if (list === undefined) byKind.set(key, [entry]);
      else list.push(entry);
    }
    for (const entries of byKind.values()) {
      if (signal.aborted) return;
      await askKind(entries, signal);
    }
  }

  async function askKind(entries: readonly Known[], signal: AbortSignal): Promise<void> {
    const { apiVersion, kind } = entries[0]!.self;
    const group = apiVersion.includes("/") ? apiVersion.split("/")[0]! : "";
    let resource: Resource | undefined;
    try {
      resource = (await discover(apiVersion, signal)).get(kind);
      if (resource === undefined) return giveUp(entries); // its definition was removed
      if (isDenied(group, resource.plural)) return giveUp(entries);
      const key = `${apiVersion} ${kind}`;
      const mayList = now() - (listed.get(key) ?? 0) >= roundMilliseconds * listAgainRounds;
      if (entries.length > singlesMax && mayList) {
        listed.set(key, now());
        await askList(apiVersion, resource, entries, signal);
      } else await askSingly(apiVersion, resource, entries.slice(0, singlesMax), signal);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 403) return; // asked again in the next round
      const plural = resource?.plural ?? kind;
      const name = group === "" ? plural : `${plural}.${group}`;
      const rule = formatRule(ownerRule(group, plural));
      denied.set(name, { resource: name, reason: error.message, rule, until: now() + deniedMilliseconds });
      giveUp(entries);
    }
  }

  function isDenied(group: string, plural: string): boolean {
    const name = group === "" ? plural : `${plural}.${group}`;
    const problem = denied.get(name);
    if (problem !== undefined && problem.until <= now()) denied.delete(name);
    return denied.has(name);
  }

  async function discover(apiVersion: string, signal: AbortSignal): Promise<ReadonlyMap<string, Resource>> {
    const before = groups.get(apiVersion);
    if (before !== undefined && now() - before.asked < deniedMilliseconds) return before.byKind;
    const byKind = new Map<string, Resource>();
    try {
      const found = objectOf(await client.get(`${rootOf(apiVersion)}`, signal));
      for (const each of listOf(found.resources).map(objectOf)) {
        const plural = textOf(each.name);
        if (plural.includes("/")) continue; // a part of an object, such as its status
        byKind.set(textOf(each.kind), { plural, isNamespaced: each.namespaced === true });
      }
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
    if (groups.size >= kindsMax) groups.clear();
    groups.set(apiVersion, { byKind, asked: now() });
    return byKind;
  }

  async function askSingly(
    apiVersion: string,
    resource: Resource,
    entries: readonly Known[],
    signal: AbortSignal,
  ) {
    const rest = [...entries];
    const work = async () => {
      for (let entry = rest.pop(); entry !== undefined; entry = rest.pop()) {
        const { self, namespace } = entry;
        const place = resource.isNamespaced ? `/namespaces/${encodeURIComponent(namespace)}` : "";
        const path = `${rootOf(apiVersion)}${place}/${resource.plural}/${encodeURIComponent(self.name)}`;
        try {
          learn(entry, objectOf(objectOf(await client.get(path, signal, acceptMetadata)).metadata));
        } catch (error) {
          if (!(error instanceof ApiError) || error.status !== 404) throw error;
          giveUp([entry]);
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  async function askList(
    apiVersion: string,
    resource: Resource,
    entries: readonly Known[],
    signal: AbortSignal,
  ) {
    let continuation = "";
    do {
      const query = new URLSearchParams({ limit: String(pageSize) });
      if (continuation !== "") query.set("continue", continuation);
      const page = objectOf(
        await client.get(`${rootOf(apiVersion)}/${resource.plural}?${query}`, signal, acceptMetadataList),
      );
      for (const item of listOf(page.items)) {
        const metadata = objectOf(objectOf(item).metadata);
        const entry = known.get(textOf(metadata.uid));
        if (entry !== undefined) learn(entry, metadata);
      }
      continuation = textOf(objectOf(page.metadata).continue);
    } while (continuation !== "" && !signal.aborted);
    giveUp(entries.filter(({ isWaiting }) => isWaiting));
  }

  function learn(entry: Known, metadata: JsonObject): void {
    if (textOf(metadata.uid) !== entry.self.uid) {
      giveUp([entry]); // another of the same name
      return;
    }
    const owner = controllerOf(metadata) ?? null;
    done(entry);
    if (entry.owner?.uid === owner?.uid && entry.owner !== undefined) return;
    entry.owner = owner;
    version++;
    if (owner !== null && !known.has(owner.uid) && owner.kind !== "Node") begin(owner, entry.namespace);
  }

  function giveUp(entries: readonly Known[]): void {
    for (const entry of entries) done(entry);
  }

  function done(entry: Known): void {
    entry.isWaiting = false;
    entry.asked = now();
    waiting.delete(entry.self.uid);
  }

  return {
    topOf,
    ask,
    get version() {
      return version;
    },
    sweep() {
      for (const [uid, entry] of known) {
        if (now() - entry.used > recheckMilliseconds * 2) {
          known.delete(uid);
          waiting.delete(uid);
        } else if (!entry.isWaiting && now() - entry.asked > recheckMilliseconds) {
          entry.isWaiting = true;
          waiting.set(uid, entry);
        }
      }
    },
    problems: () => [...denied.values()].map(({ until: _, ...problem }) => problem),
    get count() {
      return known.size;
    },
    get waiting() {
      return waiting.size;
    },
  };
}

function workloadOf({ name, kind }: OwnerReference): Workload {
  return { name, kind };
}

function rootOf(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
