/** What the pretended parts of `grafana-cluster.ts` tell of, as tables: each figure on a dashboard is a sum of rows of these. */

/** An end of a conversation, with what Portolan is told, or can know, of it. Texts are "" where there is nothing. */
export interface End {
  readonly address: string;
  /** As links' series and groups call it. */
  readonly name: string;
  readonly kind: "Deployment" | "host";
  readonly namespace: string;
  readonly network: string;
  readonly vlan: string;
  readonly place: Place | undefined;
}

/** Of an address outside. */
export interface Place {
  readonly country: string;
  readonly countryName: string;
  readonly city: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly asNumber: number;
  readonly asName: string;
}

const inside = (address: string, network: string, vlan = ""): End => ({
  ...{ address, name: address, kind: "host", namespace: "", network, vlan, place: undefined },
});
const workload = (name: string, address: string, network: string): End => ({
  ...{ address, name, kind: "Deployment", namespace: "shop", network, vlan: "", place: undefined },
});
const outside = (address: string, place: Place): End => ({
  ...{ address, name: address, kind: "host", namespace: "", network: "internet", vlan: "", place },
});

const inAmerica: Place = {
  ...{
    country: "US",
    countryName: "United States",
    city: "Mountain View",
    latitude: 37.4,
    longitude: -122.1,
  },
  ...{ asNumber: 15_169, asName: "Google LLC" },
};
const inSwitzerland: Place = {
  ...{ country: "CH", countryName: "Switzerland", city: "Zürich", latitude: 47.4, longitude: 8.5 },
  ...{ asNumber: 19_281, asName: "Quad9" },
};
const inAustralia: Place = {
  ...{ country: "AU", countryName: "Australia", city: "Sydney", latitude: -33.9, longitude: 151.2 },
  ...{ asNumber: 13_335, asName: "Cloudflare, Inc." },
};

export const ends = {
  web: workload("web", "10.50.0.5", "10.50.0.0/24"),
  api: workload("api", "10.50.1.7", "10.50.1.0/24"),
  outside: outside("8.8.8.8", inAmerica),
  /** Called when everything else has been told. */
  newcomer: outside("8.8.4.4", inAmerica),
  caller: outside("9.9.9.9", inSwitzerland),
  called: outside("1.1.1.1", inAustralia),
  office: inside("10.0.20.5", "office", "20"),
  lab: inside("10.0.30.7", "lab", "30"),
  tap: inside("10.9.0.1", "10.9.0.0/24"),
  sink: inside("10.9.0.2", "10.9.0.0/24"),
} as const satisfies Record<string, End>;

export type FailureReason = "refused" | "timed_out" | "unreachable" | "reset" | "lost";

/** What is told of a link each time, by one observer, on one port. */
export interface Conversation {
  /** As series of flows call who told of it: an exporter's address, or `agent:NODE`. */
  readonly observer: string;
  readonly client: End;
  readonly server: End;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  /** Bytes from client to server, and from server to client. */
  readonly sent: number;
  readonly received: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly opened: number;
  /** At most one of each. */
  readonly failures: readonly FailureReason[];
  readonly retransmits: number;
  /** 0: nobody measured. */
  readonly rttMilliseconds: number;
  /** Which of the two the agent's machine is; exporters are neither. */
  readonly observedEnd: "client" | "server";
  /** One packet of so many was looked at: bytes and packets above are those of the wire. */
  readonly sampling: number;
}

export const agentName = "node-a";
export const exporters = { router: "127.0.0.1", tap: "127.0.0.2", sampled: "127.0.0.3" } as const;

const nothing = {
  ...{ protocol: "tcp", sent: 0, received: 0, packetsSent: 0, packetsReceived: 0, opened: 0, failures: [] },
  ...{ retransmits: 0, rttMilliseconds: 0, observedEnd: "client", sampling: 1 },
} as const satisfies Partial<Conversation>;
const ofAgent = { ...nothing, observer: `agent:${agentName}`, opened: 1 } as const;
const failing = { ...ofAgent, opened: 0 } as const;
const { web, api, caller, called, office, lab, tap, sink } = ends;

/** Told each round by the agent. An agent counts no packets of TCP. */
export const observed: readonly Conversation[] = [
  {
    ...{ ...ofAgent, client: web, server: api, port: 8080, sent: 1000, received: 5000 },
    ...{ retransmits: 3, rttMilliseconds: 3 },
  },
  {
    ...{ ...ofAgent, client: web, server: ends.outside, port: 443, sent: 700, received: 300 },
    ...{ rttMilliseconds: 30, failures: ["reset"] },
  },
  {
    ...{ ...ofAgent, client: caller, server: web, port: 443, sent: 60, received: 900, observedEnd: "server" },
    ...{ retransmits: 1, rttMilliseconds: 120, failures: ["lost"] },
  },
  {
    ...{ ...ofAgent, client: web, server: api, port: 5353, protocol: "udp", sent: 240, received: 480 },
    ...{ opened: 0, packetsSent: 3, packetsReceived: 2 },
  },
  { ...failing, client: web, server: api, port: 9999, failures: ["refused"] },
  { ...failing, client: web, server: ends.outside, port: 25, failures: ["timed_out"] },
  { ...failing, client: web, server: called, port: 443, failures: ["unreachable"] },
];

/** Told each round by routers: by NetFlow v5, by v9, and by v5 of one packet in a hundred. */
export const exported: readonly Conversation[] = [
  {
    ...{ ...nothing, observer: exporters.router, client: office, server: lab, port: 445 },
    ...{ sent: 40_000, packetsSent: 40, received: 20_000, packetsReceived: 20 },
  },
  {
    ...{ ...nothing, observer: exporters.router, client: office, server: called, port: 443 },
    ...{ sent: 3000, packetsSent: 3, received: 9000, packetsReceived: 9 },
  },
  {
    ...{ ...nothing, observer: exporters.tap, client: tap, server: sink, port: 443 },
    ...{ sent: 3500, packetsSent: 6 },
  },
  {
    ...{ ...nothing, observer: exporters.sampled, client: lab, server: called, port: 8443, sampling: 100 },
    ...{ sent: 6000, packetsSent: 400, received: 15_000, packetsReceived: 600 },
  },
];

/** Told once by the agent, before the first round: three connections that stay open. */
export const openConnections = 3;
export const opening: Conversation = {
  ...{ ...ofAgent, client: web, server: api, port: 5432, sent: 513, received: 1026, opened: openConnections },
};

/** Told once by the agent, after the last round. */
export const late: Conversation = {
  ...{ ...ofAgent, client: web, server: ends.newcomer, port: 443, sent: 4321, received: 1234 },
};

export const everyRound: readonly Conversation[] = [...observed, ...exported];
