/** Where exporters send to, from the collector's listeners and this machine's addresses. */
export interface CollectorSpot {
  readonly address: string;
  readonly port: number;
}

const sflowPort = 6343;

/**
 * `udp://0.0.0.0:2055` hears on every IPv4 address, `udp://[::]:2055` on every address; a listener on one address is told as it is.
 * sFlow's own port is left out when there is another.
 */
export function collectorSpots(listeners: readonly string[], addresses: readonly string[]): CollectorSpot[] {
  const isSflow = (listener: string) => listener.endsWith(`:${sflowPort}`);
  const told = listeners.every(isSflow) ? listeners : listeners.filter((listener) => !isSflow(listener));
  return told.flatMap((listener) => {
    const [, host = "", portText = ""] = /^udp:\/\/(.*):(\d+)$/.exec(listener) ?? [];
    if (portText === "") return [];
    const bare = host.replace(/^\[|\]$/g, "");
    const isIPv4 = (address: string) => !address.includes(":");
    const heard = bare === "::" ? addresses : bare === "0.0.0.0" ? addresses.filter(isIPv4) : [bare];
    return (heard.length === 0 ? ["127.0.0.1"] : heard).map((address) => ({
      address,
      port: Number(portText),
    }));
  });
}

/** Whether others than this machine itself are heard. */
export function hearsOthers(listeners: readonly string[]): boolean {
  return listeners.some((listener) => !/^udp:\/\/(127\.|\[::1\])/.test(listener));
}

export function softflowdCommand({ address, port }: CollectorSpot): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `softflowd -i eth0 -n ${host}:${port} -v 9 -t maxlife=60`;
}

/** What to type into a device, with the collector's address and port in place. Capitals stand for names of the device. */
export function exportRecipes({ address, port }: CollectorSpot): { device: string; text: string }[] {
  const lines = (device: string, ...text: string[]) => ({ device, text: text.join("\n") });
  const junosTemplate = "set services flow-monitoring version-ipfix template PORTOLAN";
  const junosSampling = "set forwarding-options sampling instance PORTOLAN";
  return [
    lines(
      "Cisco IOS, IOS-XE (Flexible NetFlow)",
      "flow exporter PORTOLAN",
      ` destination ${address}`,
      ` transport udp ${port}`,
      " export-protocol netflow-v9",
      " template data timeout 60",
      " option interface-table timeout 60",
      " option sampler-table timeout 60",
      "flow monitor PORTOLAN",
      " record netflow ipv4 original-input",
      " exporter PORTOLAN",
      " cache timeout active 60",
      "interface INTERFACE",
      " ip flow monitor PORTOLAN input",
    ),
    lines(
      "Juniper MX (inline)",
      `${junosTemplate} flow-active-timeout 60`,
      `${junosTemplate} template-refresh-rate seconds 60`,
      `${junosTemplate} option-refresh-rate seconds 60`,
      `${junosTemplate} ipv4-template`,
      `${junosSampling} input rate 100`,
      `${junosSampling} family inet output flow-server ${address} port ${port}`,
      `${junosSampling} family inet output flow-server ${address} version-ipfix template PORTOLAN`,
      `${junosSampling} family inet output inline-jflow source-address ADDRESS`,
      "set chassis fpc 0 sampling-instance PORTOLAN",
      "set interfaces INTERFACE unit 0 family inet sampling input",
    ),
    lines(
      "MikroTik RouterOS",
      "/ip traffic-flow set enabled=yes interfaces=all active-flow-timeout=1m",
      `/ip traffic-flow target add dst-address=${address} port=${port} version=9 v9-template-timeout=1m`,
    ),
    lines(
      "sFlow: Linux with hsflowd (/etc/hsflowd.conf)",
      "sflow {",
      `  collector { ip=${address} udpport=${port} }`,
      "  pcap { dev=INTERFACE }",
      "  sampling=400",
      "  polling=20",
      "}",
    ),
  ];
}
