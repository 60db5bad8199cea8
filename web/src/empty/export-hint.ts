/** Where exporters send to, from the collector's listeners and this machine's addresses. */
export interface CollectorSpot {
  readonly address: string;
  readonly port: number;
}

/** `udp://0.0.0.0:2055` hears on every address; a listener on one address is told as it is. */
export function collectorSpots(listeners: readonly string[], addresses: readonly string[]): CollectorSpot[] {
  return listeners.flatMap((listener) => {
    const [, host = "", portText = ""] = /^udp:\/\/(.*):(\d+)$/.exec(listener) ?? [];
    if (portText === "") return [];
    const bare = host.replace(/^\[|\]$/g, "");
    const isAny = bare === "0.0.0.0" || bare === "::" || bare === "";
    const heard = isAny ? addresses : [bare];
    return (heard.length === 0 ? ["127.0.0.1"] : heard).map((address) => ({
      address,
      port: Number(portText),
    }));
  });
}

export function softflowdCommand({ address, port }: CollectorSpot): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `softflowd -i eth0 -n ${host}:${port} -v 9 -t maxlife=60`;
}
