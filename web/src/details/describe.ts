import type { LinkPort, TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { hasTrouble, isSlow, linkRate } from "../map/link-look.ts";
import { formatBytes, formatCount, formatMilliseconds, formatRate } from "../units/units.ts";

/** Peers and links in words. */
export function kindLabel(kind: TopologyPeer["kind"]): string {
  return kindLabels[kind] ?? kind;
}

const kindLabels: Record<TopologyPeer["kind"], string> = {
  process: "Process",
  unit: "Systemd unit",
  container: "Container",
  pod: "Pod",
  service: "Kubernetes Service",
  workload: "Workload",
  namespace: "Namespace",
  host: "Host",
  network: "Network",
  country: "Country",
  as: "Autonomous system",
  domain: "Domain",
  node: "Machine",
  other: "All others",
};

export function portName({ port, protocol }: Pick<LinkPort, "port" | "protocol">): string {
  return port === 0 ? protocol : `${port}/${protocol}`;
}

/** What a link may be that only exporters saw, where translation may have hidden a pod behind its node; empty for any other. */
export function perhapsText(link: TopologyLink, ends: readonly TopologyPeer[]): string {
  const node = ends.find(({ kind }) => kind === "node");
  if (node === undefined || isSeenByAgent(link)) return "";
  return `a pod's on ${node.name}, behind its address: only exporters saw it, and no agent there told of it`;
}

export interface Line {
  readonly text: string;
  readonly isWarning: boolean;
}

/** The two or three lines that matter of a link. */
export function linkSummary(
  link: TopologyLink,
  interval: { from: number; to: number },
  isLive: boolean,
): Line[] {
  const lines: Line[] = [];
  const say = (text: string, isWarning = false) => lines.push({ text, isWarning });
  say(
    `↑ ${formatBytes(link.bytesSent)}  ↓ ${formatBytes(link.bytesReceived)}  ${formatRate(linkRate(link, interval, isLive))}`,
  );
  const connections = `${formatCount(link.connections)} opened`;
  // Exporters do not tell of connections.
  if (isSeenByAgent(link) || link.connections > 0)
    say(isLive ? `${formatCount(link.active)} open, ${connections}` : connections);
  if (link.rttMs !== null) say(`RTT ${rttText(link)}`, isSlow(link));
  if (link.failed > 0) say(failedText(link, `${formatCount(link.failed)} failed`), true);
  const broken = brokenText(link);
  if (broken !== "") say(broken, true);
  if (link.retransmits > 0)
    say(`${formatCount(link.retransmits)} resent`, hasTrouble({ ...link, failed: 0 }));
  return lines;
}

/** How many connections never opened, and why: `12 (8 refused, 4 timed out)`. */
export function failedText({ failed, failures }: TopologyLink, total = formatCount(failed)): string {
  const { refused, timedOut, unreachable } = failures;
  const reasons = countsText({
    refused,
    "timed out": timedOut,
    unreachable,
    "for other reasons": failed - refused - timedOut - unreachable,
  });
  return reasons === "" ? total : `${total} (${reasons})`;
}

/** How connections that had opened came to a bad end; empty when none did. */
export function brokenText({ failures: { reset, lost } }: TopologyLink): string {
  return countsText({ reset, "not answered any more": lost });
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${formatCount(count)} ${reason}`)
    .join(", ");
}

/** The round trip time now, and the least there was: what is above it is waiting in queues. */
export function rttText({ rttMs, rttMinMs }: TopologyLink): string {
  const now = formatMilliseconds(rttMs);
  return rttMinMs === null ? now : `${now}, least ${formatMilliseconds(rttMinMs)}`;
}

/** Whether somebody saw the link who knows of connections: exporters tell of bytes and packets only. */
export function isSeenByAgent({ observers }: TopologyLink): boolean {
  return observers.some(({ kind }) => kind === "agent");
}
