/**
 * The world as data: who there is, and who asks whom for what. Namespaces, addresses, processes and the tests' expectations are
 * all derived from this table. Bytes and times are means; each request strays around them by the seed.
 */

/** Everything the demo makes on this machine carries this in its name, and is found by it when a demo died. */
export const prefix = "portolan-demo";

/** Addresses of pods; the page's filter leaves out what else this machine does. */
export const podRanges = ["10.42.0.0/16", "fd42::/104"] as const;

export interface Pod {
  readonly name: string;
  /** What its process calls itself, at most 15 characters; the pod's name when not given. */
  readonly process?: string;
  readonly kubernetesNamespace: "shop" | "monitoring" | "kube-system";
  readonly node: Node;
  readonly quality: "guaranteed" | "burstable" | "besteffort";
  readonly listen: readonly number[];
  /** Lives in its node's network namespace. */
  readonly isHostNetwork?: boolean;
  readonly isNameServer?: boolean;
  /** What its link carries at most, outwards. */
  readonly kilobitsPerSecond?: number;
}

/** An address that no machine has: the client's node puts a backend's in its place. */
export interface Service {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  readonly targetPort: number;
  readonly backends: readonly string[];
}

/** A port of a node that leads to a pod of that node; the client's address stays. */
export interface NodePort {
  readonly name: string;
  readonly node: Node;
  readonly port: number;
  readonly pod: string;
  readonly targetPort: number;
}

/** A host of the internet; it has no agent. */
export interface OutsideHost {
  readonly name: string;
  readonly address: string;
  readonly listen: readonly number[];
  readonly isNameServer?: boolean;
  /** Nothing sent to it is ever answered. */
  readonly isBlackHole?: boolean;
}

export interface Call {
  readonly from: string;
  /** Name of a pod, service, node port or host outside. */
  readonly to: string;
  readonly port: number;
  /** Bytes of a request and of its answer. */
  readonly send: number;
  readonly receive: number;
  readonly everyMilliseconds: number;
  /** One connection for all requests, rather than one for each. */
  readonly isKept?: boolean;
  /** To a pod, over IPv6. */
  readonly isIPv6?: boolean;
  /** A question for the address of this name, over UDP. */
  readonly asks?: string;
}

export const nodes = ["node-a", "node-b", "node-c"] as const;
export type Node = (typeof nodes)[number];

const shop = { kubernetesNamespace: "shop", quality: "burstable" } as const;
const nodeExporter = {
  process: "node-exporter",
  kubernetesNamespace: "monitoring",
  quality: "burstable",
  listen: [9100],
  isHostNetwork: true,
} as const;

export const pods: readonly Pod[] = [
  { ...shop, name: "frontend", node: "node-a", listen: [8080] },
  { ...shop, name: "cart", node: "node-a", listen: [8080] },
  { ...shop, name: "redis", node: "node-a", listen: [6379] },
  { ...shop, name: "catalog", node: "node-b", listen: [8080] },
  { ...shop, name: "checkout-1", process: "checkout", node: "node-b", listen: [8080] },
  { ...shop, name: "checkout-2", process: "checkout", node: "node-c", listen: [8080] },
  { ...shop, name: "payments", node: "node-c", listen: [8443] },
  { ...shop, name: "postgres", node: "node-b", quality: "guaranteed", listen: [5432, 9187] },
  { ...shop, name: "kafka", node: "node-c", quality: "guaranteed", listen: [9092] },
  { ...shop, name: "mailer", node: "node-a", listen: [] },
  {
    ...shop,
    name: "backup-cron",
    node: "node-b",
    quality: "besteffort",
    listen: [],
    kilobitsPerSecond: 400,
  },
  {
    name: "dns",
    process: "coredns",
    kubernetesNamespace: "kube-system",
    node: "node-a",
    quality: "burstable",
    listen: [9153],
    isNameServer: true,
  },
  {
    name: "prometheus",
    kubernetesNamespace: "monitoring",
    node: "node-c",
    quality: "burstable",
    listen: [9090],
  },
  { ...nodeExporter, name: "node-exporter-a", node: "node-a" },
  { ...nodeExporter, name: "node-exporter-b", node: "node-b" },
  { ...nodeExporter, name: "node-exporter-c", node: "node-c" },
];

export const services: readonly Service[] = [
  {
    name: "checkout.shop.svc",
    address: "10.96.0.20",
    port: 80,
    protocol: "tcp",
    targetPort: 8080,
    backends: ["checkout-1", "checkout-2"],
  },
  {
    name: "dns.kube-system.svc",
    address: "10.96.0.10",
    port: 53,
    protocol: "udp",
    targetPort: 53,
    backends: ["dns"],
  },
];

export const nodePorts: readonly NodePort[] = [
  { name: "www.shop.example", node: "node-a", port: 30080, pod: "frontend", targetPort: 8080 },
];

export const outside: readonly OutsideHost[] = [
  { name: "api.bank.example", address: "203.0.113.40", listen: [443] },
  { name: "vault.backup.example", address: "203.0.113.80", listen: [443] },
  { name: "resolver.example", address: "203.0.113.53", listen: [], isNameServer: true },
  { name: "smtp.example", address: "203.0.113.25", listen: [] },
  { name: "smtp2.example", address: "203.0.113.26", listen: [], isBlackHole: true },
  { name: "visitor-1", address: "198.51.100.23", listen: [] },
  { name: "visitor-2", address: "198.51.100.61", listen: [] },
  { name: "visitor-3", address: "198.51.100.118", listen: [] },
];

const dns = "dns.kube-system.svc";

export const calls: readonly Call[] = [
  call("visitor-1", "www.shop.example", 30080, 600, 21_000, 900),
  call("visitor-2", "www.shop.example", 30080, 600, 9_000, 1300),
  call("visitor-3", "www.shop.example", 30080, 700, 14_000, 2100),
  call("frontend", "cart", 8080, 300, 1_200, 200),
  { ...call("frontend", "catalog", 8080, 250, 14_000, 200), isKept: true, isIPv6: true },
  call("frontend", "checkout.shop.svc", 80, 900, 700, 450),
  { ...call("cart", "redis", 6379, 120, 600, 150), isKept: true },
  { ...call("catalog", "postgres", 5432, 180, 22_000, 300), isKept: true, isIPv6: true },
  ...["checkout-1", "checkout-2"].flatMap((checkout) => [
    call(checkout, "payments", 8443, 1_500, 400, 1000),
    { ...call(checkout, "postgres", 5432, 600, 2_400, 400), isKept: true },
    { ...call(checkout, "kafka", 9092, 1_800, 160, 600), isKept: true },
  ]),
  question("payments", "api.bank.example"),
  call("payments", "api.bank.example", 443, 2_200, 5_200, 1500),
  { ...call("mailer", "kafka", 9092, 190, 1_900, 700), isKept: true },
  question("mailer", "smtp.example"),
  question("mailer", "smtp3.example"),
  call("mailer", "smtp.example", 587, 8_000, 200, 2500),
  call("mailer", "smtp2.example", 25, 8_000, 200, 4000),
  question("backup-cron", "vault.backup.example"),
  { ...call("backup-cron", "postgres", 5432, 300, 240_000, 8000), isKept: true },
  call("backup-cron", "vault.backup.example", 443, 120_000, 300, 8000),
  { ...question("dns", "api.bank.example"), to: "resolver.example" },
  ...(
    [
      ["node-exporter-a", 9100, 38_000],
      ["node-exporter-b", 9100, 38_000],
      ["node-exporter-c", 9100, 38_000],
      ["frontend", 8080, 9_000],
      ["dns", 9153, 12_000],
      ["postgres", 9187, 26_000],
    ] as const
  ).map(([pod, port, bytes]) => ({ ...call("prometheus", pod, port, 250, bytes, 5000), isKept: true })),
];

function call(
  from: string,
  to: string,
  port: number,
  send: number,
  receive: number,
  everyMilliseconds: number,
): Call {
  return { from, to, port, send, receive, everyMilliseconds };
}

function question(from: string, asks: string): Call {
  return { ...call(from, dns, 53, 0, 0, 4000), asks };
}
