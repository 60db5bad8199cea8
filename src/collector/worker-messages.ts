import type { DropReason } from "../flow/index.ts";
import type { TemplateDump } from "../netflow/index.ts";
import type { CollectorConfig } from "./config.ts";
import type { ExporterStatus } from "./exporter-status.ts";
import type { ListenErrorCode } from "./listen-error.ts";
import type { ReceptionStatus } from "./reception.ts";

/** What the receiving thread is started with. */
export interface WorkerStart {
  readonly config: CollectorConfig;
  /** eventfd that is rung after each message to the thread. */
  readonly bell: number;
  /** This thread's place among those that share the ports, and how many they are. */
  readonly index: number;
  readonly count: number;
}

/** A batch's memory on its way: columns and lists, and how many rows are filled. */
export interface BatchMessage {
  readonly kind: "batch";
  readonly buffer: ArrayBuffer;
  readonly rowCount: number;
}

export type ToWorker =
  | { readonly kind: "listen" | "stop" }
  /** The memory of a batch that was delivered, to be used again. */
  | BatchMessage
  | { readonly kind: "ask"; readonly question: Question; readonly id: number };

export type Question =
  | { readonly what: "status"; readonly exportersMax: number }
  | { readonly what: "exporter"; readonly addressText: string }
  | { readonly what: "dumpTemplates" }
  | { readonly what: "restoreTemplates"; readonly value: unknown };

export interface Answers {
  readonly status: ReceptionStatus;
  readonly exporter: ExporterStatus | undefined;
  readonly dumpTemplates: TemplateDump;
  readonly restoreTemplates: number;
}

export type FromWorker =
  | BatchMessage
  /** Comes before the first batch with this row in its observer column. */
  | { readonly kind: "observer"; readonly row: number; readonly id: string }
  | {
      readonly kind: "drops";
      readonly drops: readonly (readonly [DropReason, source: string, count: number])[];
    }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "listening"; readonly ports: readonly number[] }
  | {
      readonly kind: "refused";
      readonly listenerIndex: number;
      readonly errno: string;
      readonly code: ListenErrorCode;
    }
  /** The last: what it knew when it had read everything. */
  | { readonly kind: "stopped"; readonly templates: TemplateDump };
