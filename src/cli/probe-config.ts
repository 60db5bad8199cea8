import { defaultFlowWriterConfig } from "../netflow/index.ts";
import { describeFlow, type FlowTable, type ProbeConfig, type ProbeFlags } from "../probe/index.ts";

/** Octets in one direction at which a flow is reported, where counters have 32 bits. */
const octetsOf32BitCounters = 0x7fffffff;

/** What the flags ask of table and writer. */
export function configOf(
  flags: ProbeFlags,
  isDebug: () => boolean,
  log: (text: string) => void,
): ProbeConfig {
  const { level, version, isSoftflowd } = flags;
  const isFile = flags.file !== undefined;
  const isTemplated = version === 9 || version === 10;
  const hasSmallCounters = !isTemplated || isSoftflowd;
  // softflowd lets no time go by in a file: flows are reported when there is no room, and at the end.
  const timeouts = isSoftflowd && isFile ? { ...flags.timeouts, ...noTimeouts } : flags.timeouts;
  return {
    table: {
      flowsMax: flags.flowsMax,
      level,
      timeouts,
      sampling: flags.sampling,
      mplsLabels: flags.mplsLabels,
      octetsMax: hasSmallCounters ? octetsOf32BitCounters : 0,
      withIPv6: isTemplated || flags.tracksIPv6,
      isSoftflowd,
    },
    writer: {
      ...defaultFlowWriterConfig,
      version,
      timeFormat: flags.timeFormat ?? (version === 10 && !isSoftflowd ? "milli" : "uptime"),
      withProtocol: isSoftflowd || level !== "ip",
      withPorts: isSoftflowd || (level !== "ip" && level !== "proto"),
      withVlans: level === "vlan" || level === "ether",
      withMacs: level === "ether",
      mplsLabels: flags.mplsLabels,
      isBiflow: flags.isBiflow,
      samplingInterval: flags.sampling,
      withOptions: flags.withOptions,
      templateMessages: flags.templateMessages,
      templateMilliseconds: flags.templateSeconds * 1000,
      messageBytesMax: flags.messageBytes,
      isSoftflowd,
    },
    isBalanced: flags.isBalanced,
    isCaptureClock: isFile && (!isSoftflowd || flags.isClockAdjusted),
    onFlow: (table: FlowTable, row: number) => {
      if (isDebug()) log(describeFlow(table, row));
    },
  };
}

/** Longer than captures that were put together are apart. */
const longTime = 0x3fffffff;
const noTimeouts = {
  tcp: longTime,
  "tcp.rst": longTime,
  "tcp.fin": longTime,
  udp: longTime,
  icmp: longTime,
  general: longTime,
  maxlife: 0,
} as const;
