import type { ReportDrop } from "../flow/index.ts";
import {
  type CannotRun,
  conntrackDefaults,
  createConntrackObserver,
  silentLimits,
  type TranslatedConnection,
} from "../observe/index.ts";
import { notAsked, type PartStatus } from "./part-status.ts";

export interface TranslationsDependencies {
  readonly node: string;
  readonly drop: ReportDrop;
  /** What the kernel translates, or no more; valid until it returns. */
  onTranslation(translation: TranslatedConnection): void;
}

export interface TranslationsStatus extends PartStatus {
  /** Network namespaces whose connection tracking is listened to. */
  readonly namespaces: number;
  /** When on: what is seen late or not at all, and what would change it. */
  readonly limits?: readonly CannotRun[];
}

/** The agent's third part: which connections' addresses this machine's kernel translates. */
export interface Translations {
  /** Never throws. */
  start(): void;
  /** Hands on what the kernel told since the last poll. To be called before the records of connections are handed on. */
  poll(seen: number): void;
  /** Who was told does not know any more: the polls that follow hand on everything there is. */
  tellAgain(): void;
  status(): TranslationsStatus;
  stop(why: PartStatus): void;
}

const refreshMilliseconds = 2000;
/** A table is read in this many stretches at most before the rest waits for the next poll. */
const readsMax = 16;

export function createTranslations(
  { nat }: { readonly nat: boolean },
  { node, drop, onTranslation }: TranslationsDependencies,
  observer = createConntrackObserver(conntrackDefaults),
): Translations {
  let off: PartStatus = { state: "off", reason: "the agent was not started", remedy: "start it" };
  let isStarted = false;
  let lastRefresh = 0;
  let lost = 0;

  return {
    start() {
      if (!nat) {
        off = notAsked("agent.nat");
        return;
      }
      observer.start();
      isStarted = true;
      lastRefresh = 0;
      lost = 0;
    },
    poll(seen) {
      if (!isStarted) return;
      if (Math.abs(seen - lastRefresh) >= refreshMilliseconds) {
        lastRefresh = seen;
        observer.refresh();
      }
      for (let reads = 0; reads < readsMax && observer.poll(onTranslation, seen) > 0; reads++);
      const { eventCount } = observer.losses();
      if (eventCount > lost) drop("nat_lost", node, eventCount - lost);
      lost = eventCount;
    },
    tellAgain() {
      observer.tellAgain();
    },
    status() {
      if (!isStarted) return { ...off, namespaces: 0 };
      const status = observer.status();
      const { cannot, namespaceCount } = status;
      if (cannot !== undefined)
        return { state: "off", reason: cannot.reason, remedy: cannot.remedy, namespaces: 0 };
      const limits = silentLimits(status);
      return { state: "on", namespaces: namespaceCount, ...(limits.length > 0 && { limits }) };
    },
    stop(why) {
      observer.stop();
      isStarted = false;
      off = why;
    },
  };
}
