import type { DropReason } from "../../flow/index.ts";
import type { ExporterStatus } from "../exporter-status.ts";
import type { Check, Finding } from "./finding.ts";
import { remedies } from "./remedies.ts";
import { count } from "./words.ts";

type Drops = ExporterStatus["drops"];

/** What was given up of an exporter's datagrams. */
export const dropChecks: readonly Check[] = [
  ({ address, drops, packetCount }) => checkVersion(address, drops, packetCount),
  ({ address, drops, packetCount }) => checkUnread(address, drops, packetCount),
  (status) => checkTemplateLimit(status),
  (status) => checkQueue(status),
];

/** What can be said of a sender of which nothing else is known. */
export function findInDrops(address: string, drops: Drops): Finding[] {
  const found = [checkVersion, checkUnread, checkAllowed, checkPlace].map((check) =>
    check(address, drops, 0),
  );
  return found.flatMap((finding) => finding ?? []);
}

function checkVersion(address: string, drops: Drops, packetCount: number): Finding | undefined {
  const unknown = drops.version_unknown ?? 0;
  if (unknown === 0 || unknown < packetCount * 0.001) return undefined;
  return {
    code: "version_unknown",
    severity: packetCount > unknown ? "warning" : "problem",
    title: "Sends something that is not read",
    detail:
      `${count(unknown, "datagram")} from ${address} ${unknown === 1 ? "is" : "are"} of no protocol that is read where it arrives. ` +
      "NetFlow v5, v9, IPFIX and sFlow v5 are read, unless a listener takes only some of them; NetFlow v1, v7, v8 and others are not.",
    remedy: remedies.version(undefined),
  };
}

const unreadReasons = [
  "message_truncated",
  "set_length_invalid",
  "set_truncated",
  "set_id_reserved",
  "template_invalid",
  "sample_truncated",
] as const satisfies readonly DropReason[];

function checkUnread(_address: string, drops: Drops, packetCount: number): Finding | undefined {
  const reasons = unreadReasons.filter((reason) => (drops[reason] ?? 0) > 0);
  const total = reasons.reduce((sum, reason) => sum + drops[reason]!, 0);
  if (total === 0 || total < packetCount * 0.001) return undefined;
  return {
    code: "malformed",
    severity: packetCount > total ? "warning" : "problem",
    title: "Parts of its datagrams can not be read",
    detail: `${count(total, "piece")} given up: ${reasons.map((reason) => `${count(drops[reason]!)} ${unreadWords[reason]}`).join(", ")}.`,
    remedy: remedies.malformed,
  };
}

const unreadWords: Readonly<Record<(typeof unreadReasons)[number], string>> = {
  message_truncated: "cut off inside a header or record",
  set_length_invalid: "with a set of impossible length",
  set_truncated: "with a set shorter than a record of its template",
  set_id_reserved: "with a reserved set id",
  template_invalid: "with a template that makes no sense",
  sample_truncated: "with an sFlow sample that is cut off",
};

function checkPlace(_address: string, drops: Drops): Finding | undefined {
  const refused = drops.exporter_limit ?? 0;
  if (refused === 0) return undefined;
  return {
    code: "exporter_limit",
    severity: "problem",
    title: "There is no room for this exporter",
    detail: `As many exporters as are kept were there before it: ${count(refused, "datagram")} of it ${refused === 1 ? "was" : "were"} thrown away.`,
    remedy: remedies.exporterLimit,
  };
}

function checkAllowed(_address: string, drops: Drops): Finding | undefined {
  const refused = drops.exporter_not_allowed ?? 0;
  if (refused === 0) return undefined;
  return {
    code: "exporter_not_allowed",
    severity: "warning",
    title: "Is not on the list of exporters",
    detail: `${count(refused, "datagram")} of it ${refused === 1 ? "was" : "were"} thrown away, since the configuration names the exporters to listen to.`,
    remedy: remedies.exporterNotAllowed,
  };
}

function checkTemplateLimit({ drops, templates }: ExporterStatus): Finding | undefined {
  const refused = drops.template_limit ?? 0;
  if (refused === 0) return undefined;
  return {
    code: "template_limit",
    severity: "problem",
    title: "Announces too many templates",
    detail: `${count(templates.length, "template")} are kept; ${count(refused, "announcement")} beyond the limit ${refused === 1 ? "was" : "were"} refused, and their data can not be read.`,
    remedy: remedies.templateLimit,
  };
}

function checkQueue({ drops }: ExporterStatus): Finding | undefined {
  const lost = drops.queue_full ?? 0;
  if (lost === 0) return undefined;
  return {
    code: "too_fast",
    severity: "problem",
    title: "Sends faster than this machine can take",
    detail: `${count(lost, "record")} came faster than they could be handled, and are lost.`,
    remedy: remedies.tooFast,
  };
}
