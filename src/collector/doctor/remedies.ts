import type { ExporterStatus } from "../exporter-status.ts";

/** Kinds of exporters whose settings are known by name. */
export type Device = "softflowd" | "cisco" | "juniper" | "mikrotik";

/** Enterprise numbers (IANA) of fields only that maker's devices send. */
const enterprises: readonly [number: number, device: Device][] = [
  [9, "cisco"],
  [2636, "juniper"],
  [14_988, "mikrotik"],
];

/** softflowd's template ids: flows over IPv4, ICMP, IPv6, ICMPv6; options. */
const softflowdTemplates = [1024, 1025, 2048, 2049, 256];

/** What made this exporter's datagrams, where its templates give it away. */
export function recogniseDevice({ templates }: Pick<ExporterStatus, "templates">): Device | undefined {
  const isSoftflowd =
    templates.some(({ id, isOptions }) => !isOptions && (id === 1024 || id === 2048)) &&
    templates.every(
      ({ id, observationDomainId }) => observationDomainId === 0 && softflowdTemplates.includes(id),
    );
  if (isSoftflowd) return "softflowd";
  const names = templates.flatMap(({ fields }) => fields.map(({ name }) => name));
  return enterprises.find(([number]) => names.some((name) => name.startsWith(`${number}/`)))?.[1];
}

type Recipe = Readonly<Partial<Record<Device | "any", string>>>;

const deviceNames: Readonly<Record<Device, string>> = {
  softflowd: "softflowd, pfSense",
  cisco: "Cisco",
  juniper: "Juniper",
  mikrotik: "MikroTik",
};

/** A line for everybody, then the recognised device's line, or one for each kind. */
function prescribe({ any, ...byDevice }: Recipe, device: Device | undefined): string {
  const every = Object.entries(byDevice).map(([name, line]) => `${deviceNames[name as Device]}: ${line}`);
  const lines = device === undefined ? every : [capitalised(byDevice[device])];
  return [any, ...lines].filter((line) => line !== undefined).join("\n");
}

function capitalised(line: string | undefined): string | undefined {
  return line === undefined ? undefined : line.slice(0, 1).toUpperCase() + line.slice(1);
}

const recipe = (lines: Recipe) => (device: Device | undefined) => prescribe(lines, device);

/** What to do about a finding; commands stand in backticks. */
export const remedies = {
  nothing: "Nothing to do.",

  silent: (address: string) =>
    "Is the device up, does it still export to this machine's address and port, does a firewall between let UDP through? " +
    `\`tcpdump -ni any udp and src host ${address}\` on this machine shows whether anything arrives.`,

  timeouts: recipe({
    any: "To hear of long flows each minute, shorten the active timeout.",
    softflowd:
      "`-t maxlife=60 -t expint=5`; in pfSense's softflowd settings Maximum Lifetime 60, Expire Interval 5.",
    cisco: "`cache timeout active 60` in the flow monitor (`ip flow-cache timeout active 1` in old IOS).",
    juniper:
      "`set services flow-monitoring version9 template NAME flow-active-timeout 60` (or `version-ipfix`).",
    mikrotik: "`/ip traffic-flow set active-flow-timeout=1m`.",
  }),

  templates: recipe({
    any: "After a start of Portolan this passes by itself when the exporter repeats its templates; have it repeat them each minute.",
    softflowd:
      "it repeats templates every 16 datagrams and never by time. `softflowctl send-template` makes it send them now; pfSense runs one " +
      "softflowd per interface: `softflowctl -c /var/run/softflowd.INTERFACE.ctl send-template`.",
    cisco:
      "`template data timeout 60` in the flow exporter (`ip flow-export template timeout-rate 1` in old IOS).",
    juniper:
      "`set services flow-monitoring version9 template NAME template-refresh-rate seconds 60` (or `version-ipfix`).",
    mikrotik: "`/ip traffic-flow target set [find] v9-template-timeout=1m v9-template-refresh=20`.",
  }),

  samplingUnknown: recipe({
    any: "If the device does not sample, there is nothing to do. If it does, let it tell its rate.",
    cisco: "`option sampler-table timeout 60` in the flow exporter.",
    juniper:
      "`set services flow-monitoring version9 template NAME option-refresh-rate seconds 60` (or `version-ipfix`).",
  }),

  sampled: recipe({
    any: "Nothing is wrong. To count every packet, switch sampling off, if the device can keep up.",
    softflowd: "leave out `-s`; in pfSense Sample 0.",
    cisco: "`ip flow monitor NAME input` on the interface, without a `sampler`.",
    juniper: "`set forwarding-options sampling instance NAME input rate 1`.",
    mikrotik: "`/ip traffic-flow set packet-sampling=no`.",
  }),

  samplers: recipe({
    any: "Use one rate for all samplers of the device, or let its records name their sampler.",
    cisco: "`collect flow sampler` in the flow record.",
  }),

  lossHere:
    "Give the kernel room on this machine: `sysctl -w net.core.rmem_max=33554432` (kept in /etc/sysctl.d/), then start Portolan again. " +
    "If it stays, the machine is too slow for what is sent: sample on the heaviest exporter.",

  lossBefore: recipe({
    any: "Look along the way: a full or slow link, a firewall that limits UDP, datagrams larger than the MTU. Then at the exporter's own count.",
    softflowd: "`softflowctl statistics` counts records it could not export.",
    cisco: "`show flow exporter statistics`.",
    juniper: "`show services accounting errors`.",
  }),

  restarts: recipe({
    any: "Look in the device's log for reboots, or for whatever starts its exporter again.",
    softflowd:
      "pfSense kills and starts all its softflowd processes when their settings are saved or an interface comes up.",
  }),

  reordered:
    "Several ways through the network do this, and exporters that send from several cards. Harmless, unless templates come late as well.",

  countersOnly:
    "Set a sampling rate on the device and switch sampling on at its ports: `sflow sample 4096` on Arista, `sampling=400` in hsflowd.conf.",
  samplesGivenUp:
    "Sample fewer packets: a larger N in one packet of N, on the ports that carry most. Figures are multiplied by N, so that they stay right.",
  duplicated:
    "Is the device told to export to this machine twice, on two addresses or ports, or does something between copy its datagrams?",

  clock: recipe({
    any: "Let the device take its time from NTP. If all exporters are off by the same, it is this machine's clock.",
    softflowd: "in pfSense System, General Setup, Time Servers.",
    cisco: "`ntp server ADDRESS`.",
    juniper: "`set system ntp server ADDRESS`.",
    mikrotik: "`/system ntp client set enabled=yes servers=ADDRESS`.",
  }),

  oneDirection: recipe({
    any: "Nothing is counted twice. To save the work, report flows where they come in, and nowhere else.",
    softflowd: "choose the inside interface only, not inside and outside.",
    cisco: "keep `ip flow monitor NAME input` on the interfaces, remove `ip flow monitor NAME output`.",
    juniper: "keep `sampling input` under the interface's family, remove `sampling output`.",
    mikrotik: "`/ip traffic-flow set interfaces=INSIDE` instead of `all`.",
  }),

  ingress: recipe({
    any: "To see what ends at the device as well, report flows where they come in.",
    cisco: "`ip flow monitor NAME input` on each interface instead of `output`.",
    juniper: "`sampling input` under the interface's family instead of `sampling output`.",
  }),

  version: recipe({
    any: "Set the device to NetFlow v9 or IPFIX.",
    softflowd: "`-v 9`; in pfSense Netflow version 9 or 10 (IPFIX).",
    cisco: "`export-protocol netflow-v9` in the flow exporter (`ip flow-export version 9` in old IOS).",
    juniper: "`version9` or `version-ipfix` under the `flow-server`.",
    mikrotik: "`/ip traffic-flow target set [find] version=9`.",
  }),

  oneProtocol:
    "Keep one of them, the newest: IPFIX, then NetFlow v9. If they are of different devices behind one address, all is well.",

  malformed:
    "Is it really flow data that is sent to this port? If it is, a capture helps us to read it: " +
    "`tcpdump -ni any -w flows.pcap udp and port 2055`, with the device's model and version.",

  exporterLimit: "Take away exporters that are not needed, or give them a second Portolan.",

  exporterNotAllowed: "If it is to be heard, add its address to those that the configuration allows.",

  templateLimit:
    "A device needs a few templates, not thousands. Remove flow monitors that are not used; one that announces the same template under " +
    "ever new ids needs an update of its software.",

  tooFast: "Sample on this exporter, lengthen its timeouts, or move Portolan to a faster machine.",

  noRecords: recipe({
    any: "Does traffic pass the interfaces it looks at?",
    softflowd: "does its interface see packets? `softflowctl statistics` counts them.",
    cisco:
      "is the monitor on an interface? `ip flow monitor NAME input`; `show flow monitor NAME cache` shows what it holds.",
    juniper: "is `sampling input` set under the interface's family, and `sampling instance NAME` on its FPC?",
    mikrotik: "`/ip traffic-flow print` must say enabled: yes, and interfaces: those that matter.",
  }),

  addresses: recipe({
    any: "Nothing, if those statistics are wanted elsewhere. For the map the record has to hold addresses.",
    cisco:
      "`match ipv4 source address` and `match ipv4 destination address` (and `ipv6`) in the flow record.",
  }),

  bytes: recipe({
    any: "Add the octet counter to what the device exports.",
    cisco: "`collect counter bytes long` and `collect counter packets long` in the flow record.",
  }),

  ports: recipe({
    any: "Add the ports to what the device exports.",
    softflowd: "`-T full`; in pfSense Flow Tracking Level full.",
    cisco: "`match transport source-port` and `match transport destination-port` in the flow record.",
  }),

  interfaces: recipe({
    any: "Add the interfaces to what the device exports, if you want flows by interface.",
    softflowd: "give each an index: `-i 1:em0`.",
    cisco: "`match interface input` and `collect interface output` in the flow record.",
  }),

  direction: recipe({
    any: "Add the direction to what the device exports, if it looks at both.",
    cisco: "`match flow direction` in the flow record.",
  }),

  counters: recipe({
    any: "Use counters of 8 bytes, or a short active timeout.",
    cisco: "`collect counter bytes long` in the flow record.",
  }),
} as const;
