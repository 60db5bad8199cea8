import { z } from "zod";
import { type UnresolvedReason, unresolvedReasons } from "../../../topology/index.ts";
import { count, instant, milliseconds, named } from "./components.ts";

/** Facts that follow from addresses and names; only what is known is there. */
export const peerFacts = {
  network: z.string().optional(),
  site: z.string().optional(),
  vlan: z.int().optional(),
  domain: z.string().optional(),
  country: z.string().optional().describe("ISO 3166-1 alpha-2."),
  countryName: z.string().optional(),
  city: z.string().optional(),
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  asNumber: z.int().optional(),
  asName: z.string().optional(),
};

const ofKubernetes = {
  podUid: z.string().optional(),
  namespace: z.string().optional(),
  pod: z.string().optional(),
  workload: z.string().optional(),
  workloadKind: z.string().optional(),
  service: z.string().optional(),
  labels: z.string().optional().describe("`key=value`, commas between."),
  unresolved: z
    .enum(Object.keys(unresolvedReasons) as UnresolvedReason[])
    .optional()
    .describe("Why it is not known who of the cluster this is."),
};

export const peer = named("Peer", "One end of links.", {
  id: z.string(),
  kind: z.string(),
  name: z.string(),
  group: z.string().describe("Heading of the group it is drawn in."),
  addresses: z.array(z.string()),
  node: z.string(),
  process: z.string(),
  container: z.string(),
  ...ofKubernetes,
  ...peerFacts,
});

export const failures = named("Failures", "Why connections did not open, or did not last.", {
  refused: count,
  timedOut: count,
  unreachable: count,
  reset: count.describe("Of connections that had opened."),
  lost: count.describe("Of connections that had opened."),
});

/** What a link carried in the window, as the best observer saw it. */
export const linkTotals = {
  bytesSent: count.describe("From client to server."),
  bytesReceived: count,
  packets: count,
  connections: count.describe("Opened in the window."),
  failed: count,
  failures,
  retransmits: count,
  rttMs: milliseconds,
  rttMinMs: milliseconds,
  connectMs: milliseconds,
};

const linkPort = named("LinkPort", "What a link carried at one server port.", {
  port: z.int().min(0).max(65_535),
  protocol: z.string(),
  bytesSent: count,
  bytesReceived: count,
  connections: count,
});

const linkObserver = named("LinkObserver", "Who saw a link, and what of it; observers are not added up.", {
  id: z.string(),
  kind: z.enum(["agent", "exporter"]),
  name: z.string(),
  bytesSent: count,
  bytesReceived: count,
  packets: count,
});

export const link = named("Link", "Client peer to server peer.", {
  id: z.string().describe("`CLIENT>SERVER`, of the two peers' ids."),
  client: z.string(),
  server: z.string(),
  ports: z.array(linkPort),
  ...linkTotals,
  active: count.describe("Open now; only on a live map."),
  observers: z.array(linkObserver),
  lastSeen: instant,
  services: z
    .array(z.string())
    .optional()
    .describe("`NAMESPACE/NAME` of the Services that the client called."),
  sentRate: count.optional().describe("Bytes per second now; only on a live map."),
  receivedRate: count.optional(),
});

export const topology = named("Topology", "Peers and links of a window.", {
  from: instant,
  to: instant,
  peers: z.array(peer),
  links: z.array(link),
  truncated: z
    .strictObject({ peers: count, links: count })
    .describe("What the limit left out, the lightest."),
});
