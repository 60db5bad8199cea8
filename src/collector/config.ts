import { type Cidr, isMappedIPv4, parseAddress } from "../flow/index.ts";

/** Which protocols a listener takes: all told apart by their first bytes, or only one family. */
export const flowSchemes = ["flow", "netflow", "sflow"] as const;
export type FlowScheme = (typeof flowSchemes)[number];

/** Where to listen: an address of this machine, without brackets, and a UDP port. */
export interface FlowListener {
  readonly host: string;
  readonly port: number;
  /** `flow` when not given. */
  readonly scheme?: FlowScheme;
}

export interface CollectorConfig {
  readonly listeners: readonly FlowListener[];
  /** Threads that receive and decode, each with a socket of its own per listener; 0 is this thread, through `dgram`. */
  readonly workers: number;
  /** Asked of the kernel, which without CAP_NET_ADMIN grants no more than net.core.rmem_max. */
  readonly receiveBufferBytes: number;
  readonly batchRows: number;
  /** Whether batches have the details too. */
  readonly hasDetails: boolean;
  /** Senders that are heard; everybody when empty. */
  readonly allow: readonly Cidr[];
  readonly exportersMax: number;
  readonly templatesPerExporterMax: number;
  /** A template not announced for so long is forgotten; 0 is never. */
  readonly templateMilliseconds: number;
  /** Where templates are kept over a restart; undefined is nowhere. */
  readonly templatesFile: string | undefined;
  /** Addresses that sent only garbage and are still counted under their own name; the rest are `~other`. */
  readonly strangersMax: number;
}

export const defaultCollectorConfig: CollectorConfig = {
  listeners: [{ host: "0.0.0.0", port: 2055 }],
  workers: 1,
  receiveBufferBytes: 33_554_432,
  batchRows: 8192,
  hasDetails: false,
  allow: [],
  exportersMax: 16_384,
  templatesPerExporterMax: 4096,
  templateMilliseconds: 86_400_000,
  templatesFile: undefined,
  strangersMax: 64,
};

/** `udp://0.0.0.0:2055`, `udp://[::]:2055` or `udp://:2055` (all IPv4 addresses); else a text that says what is wrong. */
export function parseFlowListener(text: string): FlowListener | string {
  const match = /^udp:\/\/(?:\[([^\]]*)\]|([^:/[\]]*)):(\d{1,5})\/?$/.exec(text);
  if (match === null)
    return `${text} is not udp://ADDRESS:PORT, for example udp://0.0.0.0:2055 or udp://[::]:2055`;
  const [, ipv6, ipv4, portText] = match;
  const host = ipv6 ?? (ipv4 || "0.0.0.0");
  const address = parseAddress(host);
  if (address === undefined || (ipv6 !== undefined && isMappedIPv4(address))) {
    return `${text}: ${host} is no IPv4 or IPv6 address; use one of this machine, or 0.0.0.0 or [::] for all`;
  }
  const port = Number(portText);
  if (port < 1 || port > 65_535) return `${text}: port ${portText} is not between 1 and 65535`;
  return { host, port };
}

/** `0.0.0.0:2055` or `[::]:2055`. */
export function formatListener({ host, port }: FlowListener): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether an IPv6 listener has to leave the port's IPv4 side to another. */
export function isPortSharedWithIPv4(
  { host, port }: FlowListener,
  listeners: readonly FlowListener[],
): boolean {
  return host.includes(":") && listeners.some((other) => other.port === port && !other.host.includes(":"));
}
