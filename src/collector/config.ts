import { isMappedIPv4, parseAddress } from "../flow/index.ts";

/** Where to listen: an address of this machine, without brackets, and a UDP port. */
export interface FlowListener {
  readonly host: string;
  readonly port: number;
}

export interface CollectorConfig {
  readonly listeners: readonly FlowListener[];
  /** Asked of the kernel, which grants no more than net.core.rmem_max. */
  readonly receiveBufferBytes: number;
  readonly batchRows: number;
  readonly exportersMax: number;
  readonly templatesPerExporterMax: number;
  /** Addresses that sent only garbage and are still counted under their own name; the rest are `~other`. */
  readonly strangersMax: number;
}

export const defaultCollectorConfig: CollectorConfig = {
  listeners: [{ host: "0.0.0.0", port: 2055 }],
  receiveBufferBytes: 8_388_608,
  batchRows: 32_768,
  exportersMax: 1024,
  templatesPerExporterMax: 4096,
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
