import { type ApiClient, ApiError, acceptMetadataList, acceptWhole } from "./api-client.ts";
import { listOf, objectOf, parseJson, textOf } from "./json.ts";

/** `watching` is well; `denied` needs a rule; `absent`: the API server does not have such objects; else it is tried again. */
export type WatchState = "off" | "starting" | "listing" | "watching" | "denied" | "absent" | "away";

export interface WatchStatus {
  readonly state: WatchState;
  /** Why, unless it is watching. */
  readonly reason: string;
  /** Unix ms of the last word from the server; 0 before the first. */
  readonly heard: number;
  readonly lists: number;
  readonly pages: number;
  readonly watches: number;
  readonly events: number;
  readonly relists: number;
}

export interface WatchOptions {
  /** `/api/v1/pods` */
  readonly path: string;
  readonly metadataOnly?: boolean;
  /** Of the objects, those for which it holds: `spec.nodeName=worker-1`. */
  readonly fieldSelector?: string;
  /**
   * The first list may be what the API server remembers (`resourceVersion=0`), which is indexed by node: else, before Kubernetes 1.31, it reads
   * all of etcd's pods for each agent that asks for a node's. What has changed since comes by the watch.
   */
  readonly fromCache?: boolean;
  /** 5,000 pods of 6 kB took 114 MB of memory to read in pages of 500, 40 MB in pages of 100, and as long. */
  readonly pageSize?: number;
  /** The server is asked to end a watch after about as long, so that it moves to other servers. */
  readonly watchSeconds?: number;
  /**
   * Bookmarks come about once a minute, but from a real API server only of kinds of which something changed since its start. A stream that is
   * silent for longer may be dead, and is cheap to begin again.
   */
  readonly idleMilliseconds?: number;
  /** First pause after a failure; it doubles up to sixty times as long. */
  readonly retryMilliseconds?: number;
  /** Pause after a denial: somebody has to change something. */
  readonly deniedMilliseconds?: number;
  readonly random?: () => number;
}

export interface WatchListener {
  /** An object that is there. */
  put(object: unknown): void;
  /** An object that is no more. */
  remove(object: unknown): void;
  /** A whole list begins: what is not put until `listed` is no more. */
  listing(): void;
  listed(): void;
  /** The state, or its reason, is another. */
  changed(): void;
}

export interface Watch {
  start(): void;
  stop(): void;
  status(): WatchStatus;
}

const pausesMax = 60;
/** A list whose continuation expires so often is asked for in one piece. */
const expiredMax = 3;
/** After as many failures in a row the list is asked for anew. */
const resumesMax = 5;

/**
 * Follows one kind of object: a list in pages, then a watch from its resource version on, taken up again where it was cut. When the
 * server has forgotten that version (410 Gone), a new list. Never gives up.
 */
export function createWatch(client: ApiClient, listener: WatchListener, options: WatchOptions): Watch {
  const {
    path,
    metadataOnly = false,
    fieldSelector,
    fromCache = false,
    pageSize = 100,
    watchSeconds = 300,
    idleMilliseconds = 150_000,
  } = options;
  const { retryMilliseconds = 500, deniedMilliseconds = 60_000, random = Math.random } = options;
  const selection = fieldSelector === undefined ? {} : { fieldSelector };
  const figures = { heard: 0, lists: 0, pages: 0, watches: 0, events: 0, relists: 0 };
  let state: WatchState = "off";
  let reason = "";
  let stopping: AbortController | undefined;
  let version = "";
  /** What it remembers is too old for a watch. */
  let isForgotten = false;
  let pause = retryMilliseconds;
  let failures = 0;

  function become(next: WatchState, why = ""): void {
    if (state === next && reason === why) return;
    state = next;
    reason = why;
    listener.changed();
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (version === "") await list(signal);
        await watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        await recover(error as Error, signal);
      }
    }
  }

  async function recover(error: Error, signal: AbortSignal): Promise<void> {
    const { status, retryAfterSeconds } = error instanceof ApiError ? error : new ApiError(0, error.message);
    failures++;
    isForgotten ||= status === 410;
    if (status === 410 || failures > resumesMax) {
      if (version !== "") figures.relists++;
      version = "";
      failures = 0;
    }
    if (status === 410) return; // at once: nothing is wrong with the server
    if (status === 403) become("denied", error.message);
    else if (status === 404) become("absent", "the API server does not know such objects");
    else if (status === 401) become("away", "the credentials are not accepted");
    else become("away", error.message);
    const needsSomebody = status === 403 || status === 404;
    const wait = needsSomebody ? deniedMilliseconds : pause;
    pause = Math.min(pause * 2, retryMilliseconds * pausesMax);
    // Many servers that lost one API server must not all come back to it at once.
    await sleep(Math.max(wait * (0.75 + random() / 2), retryAfterSeconds * 1000), signal);
  }

  async function list(signal: AbortSignal): Promise<void> {
    if (state !== "denied" && state !== "absent" && state !== "away") become("listing");
    let size = pageSize;
    for (let expired = 0; ; expired++) {
      try {
        if (expired >= expiredMax) size = 0; // 0 is all at once
        version = await listOnce(size, signal);
        figures.lists++;
        isForgotten = false;
        return;
      } catch (error) {
        const isExpired = error instanceof ApiError && error.status === 410;
        if (!isExpired || expired > expiredMax) throw error;
      }
    }
  }

  async function listOnce(size: number, signal: AbortSignal): Promise<string> {
    let isBegun = false;
    let continuation = "";
    let found = "";
    do {
      const query = new URLSearchParams({ ...selection, ...(size > 0 && { limit: String(size) }) });
      if (continuation !== "") query.set("continue", continuation);
      else if (fromCache && !isForgotten) query.set("resourceVersion", "0");
      const page = objectOf(
        await client.get(`${path}?${query}`, signal, metadataOnly ? acceptMetadataList : acceptWhole),
      );
      if (signal.aborted) throw new ApiError(0, "stopped");
      figures.pages++;
      figures.heard = Date.now();
      const metadata = objectOf(page.metadata);
      found = textOf(metadata.resourceVersion);
      if (found === "") throw new ApiError(0, "its list has no resource version");
      // Only now: until the first page is here, what is known stays known.
      if (!isBegun) listener.listing();
      isBegun = true;
      for (const item of listOf(page.items)) listener.put(item);
      continuation = textOf(metadata.continue);
    } while (continuation !== "");
    listener.listed();
    return found;
  }

  async function watch(signal: AbortSignal): Promise<void> {
    const seconds = Math.ceil(watchSeconds * (1 + random()));
    const query = new URLSearchParams({
      ...selection,
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: version,
      timeoutSeconds: String(seconds),
    });
    const begun = Date.now();
    const before = figures.events;
    figures.watches++;
    const accept = metadataOnly ? acceptMetadataList.replaceAll("MetadataList", "Metadata") : acceptWhole;
    await client.stream(
      `${path}?${query}`,
      signal,
      { accept, onOpen: opened, onLine: take },
      idleMilliseconds,
    );
    if (signal.aborted) return;
    // A server that ends each watch at once is not asked without end.
    if (Date.now() - begun < retryMilliseconds && figures.events === before)
      throw new ApiError(0, "it ends watches at once");
  }

  function opened(): void {
    figures.heard = Date.now();
    become("watching");
  }

  function take(line: string): void {
    const { type, object } = objectOf(parseJson(line)) as Record<string, unknown>;
    const told = objectOf(object);
    if (type === "ERROR")
      throw new ApiError(Number(told.code) || 0, textOf(told.message) || "the watch was ended by an error");
    const found = textOf(objectOf(told.metadata).resourceVersion);
    if (type === "ADDED" || type === "MODIFIED") listener.put(object);
    else if (type === "DELETED") listener.remove(object);
    else if (type !== "BOOKMARK") throw new ApiError(0, "a line of the watch is no event");
    figures.heard = Date.now();
    if (type !== "BOOKMARK") figures.events++;
    if (found !== "") version = found;
    pause = retryMilliseconds;
    failures = 0;
  }

  return {
    start() {
      stopping = new AbortController();
      become("starting");
      void run(stopping.signal);
    },
    stop() {
      stopping?.abort();
      stopping = undefined;
      become("off");
    },
    status: () => ({ state, reason, ...figures }),
  };
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, milliseconds).unref();
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
