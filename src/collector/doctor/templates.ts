import type { TemplateDescription } from "../../netflow/index.ts";
import type { ExporterStatus } from "../exporter-status.ts";
import type { Check, Finding } from "./finding.ts";
import { recogniseDevice, remedies } from "./remedies.ts";
import { bytes, count, duration, ordered } from "./words.ts";

const addressFields = [
  "sourceIPv4Address",
  "destinationIPv4Address",
  "sourceIPv6Address",
  "destinationIPv6Address",
  "sourceIPv4Prefix",
  "destinationIPv4Prefix",
  "sourceIPv6Prefix",
  "destinationIPv6Prefix",
  // Frames and packet sections (PSAMP) have their addresses inside.
  "dataLinkFrameSection",
  "ipHeaderPacketSection",
];
const octetFields = [
  "octetDeltaCount",
  "postOctetDeltaCount",
  "octetTotalCount",
  "postOctetTotalCount",
  "initiatorOctets",
  "responderOctets",
  "layer2OctetDeltaCount",
  "layer2OctetTotalCount",
  "dataLinkFrameSection",
  "ipHeaderPacketSection",
];
const portFields = [
  "sourceTransportPort",
  "destinationTransportPort",
  "tcpSourcePort",
  "tcpDestinationPort",
  "udpSourcePort",
  "udpDestinationPort",
  "dataLinkFrameSection",
  "ipHeaderPacketSection",
];
const icmpFields = ["icmpTypeCodeIPv4", "icmpTypeCodeIPv6", "icmpTypeIPv4", "icmpTypeIPv6"];
const interfaceFields = [
  "ingressInterface",
  "egressInterface",
  "ingressPhysicalInterface",
  "egressPhysicalInterface",
];

const has = (template: TemplateDescription, names: readonly string[]) =>
  template.fields.some(({ name }) => names.includes(name));
/** Templates by which flow records came, or may come. */
const dataTemplates = ({ templates }: ExporterStatus) => templates.filter(({ isOptions }) => !isOptions);
const flowTemplates = (status: ExporterStatus) =>
  dataTemplates(status).filter((template) => has(template, addressFields));
const idsOf = (templates: readonly TemplateDescription[]) => ordered(templates.map(({ id }) => id));

const minute = 60_000;

const checkMissingTemplates: Check = (status, { nowMilliseconds }) => {
  const missing = status.missingTemplates;
  if (missing.length === 0) return undefined;
  const since = Math.min(...missing.map(({ sinceMilliseconds }) => sinceMilliseconds));
  const waited = nowMilliseconds - since;
  const setCount = missing.reduce((sum, { waitingSetCount }) => sum + waitingSetCount, 0);
  const ids = ordered(missing.map(({ id }) => id));
  return {
    code: "template_missing",
    severity: waited >= minute ? "problem" : "warning",
    title: missing.length === 1 ? "A template is missing" : `${missing.length} templates are missing`,
    detail:
      `${count(setCount, "data set")} (${bytes(status.waitingBytes)}) can not be read without template ${ids}, not announced ` +
      `since ${duration(waited)}. The sets wait, and are read when the template comes${givenUp(status.drops)}.`,
    remedy: remedies.templates(recogniseDevice(status)),
  };
};

/** `; 3 more sets were given up` */
function givenUp({ template_missing: lost = 0 }: ExporterStatus["drops"]): string {
  return lost === 0
    ? ""
    : `; ${count(lost, "more set")} waited too long and ${lost === 1 ? "is" : "are"} lost`;
}

const checkLateTemplates: Check = (status) => {
  const lost = status.drops.template_missing ?? 0;
  if (lost === 0 || status.missingTemplates.length > 0) return undefined;
  return {
    code: "template_late",
    severity: "warning",
    title: "Templates came too late",
    detail:
      `${count(lost, "data set")} waited in vain for ${lost === 1 ? "its" : "their"} template and ${lost === 1 ? "is" : "are"} lost. ` +
      "All templates in use are known now, so this is over until one of the two starts again.",
    remedy: remedies.templates(recogniseDevice(status)),
  };
};

/** A switch that is polled for counters, and samples nothing: the commonest slip in setting up sFlow. */
const countersOnly = (status: ExporterStatus): Finding => ({
  code: "counters_only",
  severity: "warning",
  title: "Sends counters, samples nothing",
  detail: `${count(status.packetCount, "datagram")} of sFlow held interface counters and not one sampled packet.`,
  remedy: remedies.countersOnly,
});

const checkNoRecords: Check = (status, { nowMilliseconds }) => {
  const known = nowMilliseconds - status.firstSeenMilliseconds;
  if (status.recordCount > 0 || status.missingTemplates.length > 0 || known < 5 * minute) return undefined;
  if (status.agents.some(({ sampleCounts }) => sampleCounts.counter + sampleCounts.expandedCounter > 0))
    return countersOnly(status);
  // Records without addresses are a finding of their own.
  const hasOthers = dataTemplates(status).some(({ recordCount }) => recordCount > 0);
  if (status.templates.length === 0 || hasOthers) return undefined;
  const isOptionsOnly = dataTemplates(status).length === 0;
  return {
    code: isOptionsOnly ? "options_only" : "no_records",
    severity: "warning",
    title: isOptionsOnly
      ? "Tells about itself, but of no flow"
      : "Has announced templates, but told of no flow",
    detail:
      `${count(status.packetCount, "datagram")} in ${duration(known)} held ${count(status.templates.length, "template")}` +
      `${isOptionsOnly ? ", all of options data (interfaces, samplers)," : ""} and not one flow record.`,
    remedy: remedies.noRecords(recogniseDevice(status)),
  };
};

const checkAddresses: Check = (status) => {
  const without = dataTemplates(status).filter((template) => !has(template, addressFields));
  if (without.every(({ recordCount }) => recordCount === 0)) return undefined;
  const isAll = without.length === dataTemplates(status).length;
  return {
    code: "addresses_missing",
    severity: isAll ? "problem" : "hint",
    title: isAll ? "Its records have no addresses" : "Some of its records have no addresses",
    detail:
      `Template ${idsOf(without)} holds no source or destination address: statistics of interfaces or applications, perhaps. ` +
      `Such records are no flow between two hosts and are not on the map${emptyWords(status)}.`,
    remedy: remedies.addresses(recogniseDevice(status)),
  };
};

function emptyWords({ drops }: ExporterStatus): string {
  const empty = drops.record_empty ?? 0;
  return empty === 0 ? "" : `; ${count(empty)} held neither addresses nor counters`;
}

const checkBytes: Check = (status) => {
  const without = flowTemplates(status).filter((template) => !has(template, octetFields));
  if (without.length === 0) return undefined;
  return {
    code: "bytes_missing",
    severity: "warning",
    title: "Does not tell how many bytes",
    detail: `Template ${idsOf(without)} has addresses but no count of octets: its flows are drawn with 0 bytes.`,
    remedy: remedies.bytes(recogniseDevice(status)),
  };
};

const checkPorts: Check = (status) => {
  const others = flowTemplates(status).filter((template) => !has(template, icmpFields));
  const without = others.filter((template) => !has(template, portFields));
  if (without.length === 0 || without.length < others.length) return undefined;
  return {
    code: "ports_missing",
    severity: "warning",
    title: "Does not tell ports",
    detail: `Template ${idsOf(without)} has no ports: services can not be told apart, nor clients from servers.`,
    remedy: remedies.ports(recogniseDevice(status)),
  };
};

const checkInterfaces: Check = (status) => {
  const flows = flowTemplates(status);
  if (flows.some((template) => has(template, interfaceFields)) || flows.length === 0) {
    return status.interfaces.some(({ index }) => index === 0) ? zeroInterface(status) : undefined;
  }
  return {
    code: "interfaces_missing",
    severity: "hint",
    title: "Does not tell interfaces",
    detail: `Template ${idsOf(flows)} does not say through which interface a flow came or went.`,
    remedy: remedies.interfaces(recogniseDevice(status)),
  };
};

function zeroInterface(status: ExporterStatus) {
  return {
    code: "interface_zero",
    severity: "hint" as const,
    title: "Calls an interface 0",
    detail: `Its options data name interface 0${nameOf(status)}: 0 means unknown, and interfaces so called can not be told apart.`,
    remedy: remedies.interfaces(recogniseDevice(status)),
  };
}

function nameOf({ interfaces }: ExporterStatus): string {
  const name = interfaces.find(({ index }) => index === 0)?.name ?? "";
  return name === "" ? "" : ` ("${name}")`;
}

const checkDirectionField: Check = (status) => {
  const { ingressCount, egressCount, unknownCount } = status.directions;
  if (unknownCount === 0 || ingressCount > 0 || egressCount > 0) return undefined;
  const flows = flowTemplates(status);
  if (flows.length === 0 || flows.some((template) => has(template, ["flowDirection"]))) return undefined;
  return {
    code: "direction_unknown",
    severity: "hint",
    title: "Does not tell the direction",
    detail:
      `None of its ${count(unknownCount, "record")} says whether it was seen coming in or going out. That is fine as long as the device ` +
      "looks at one of the two only.",
    remedy: remedies.direction(recogniseDevice(status)),
  };
};

/** A counter of 4 octets is full at this many. */
const counterMax = 2 ** 32;

const checkCounters: Check = (status) => {
  const raw = status.octetRate / Math.max(1, status.sampling.interval);
  // At full rate within a minute, the shortest active timeout in use.
  if (raw * 60 < counterMax || recogniseDevice(status) === "softflowd") return undefined;
  const narrow = flowTemplates(status).filter(({ fields }) =>
    fields.some(({ name, length }) => name === "octetDeltaCount" && length <= 4),
  );
  const isV5 = status.protocols.includes("netflow5");
  if (narrow.length === 0 && !isV5) return undefined;
  const whose = narrow.length === 0 ? "NetFlow v5" : `Template ${idsOf(narrow)}`;
  return {
    code: "counters_narrow",
    severity: "hint",
    title: "Counters may run over",
    detail:
      `${whose} counts octets in 4 bytes, up to 4.29 GB a record. At the ${bytes(raw)}/s it tells of, one flow that takes all of it would ` +
      `run over in ${duration((counterMax / raw) * 1000)}.`,
    remedy: remedies.counters(recogniseDevice(status)),
  };
};

/** What waits for a template, and what the fields of templates say, and do not. */
export const templateChecks: readonly Check[] = [
  checkMissingTemplates,
  checkLateTemplates,
  checkNoRecords,
  checkAddresses,
  checkBytes,
  checkPorts,
  checkCounters,
  checkInterfaces,
  checkDirectionField,
];
