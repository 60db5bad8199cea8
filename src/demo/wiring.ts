import { loopbackOf, type PlannedNode, type PlannedPod, type PlannedWorld } from "./plan.ts";
import { nodePorts, outside, prefix, services } from "./world.ts";

/**
 * The commands that wire the world. Nothing of it is joined to this machine's own network.
 *
 *     frontend ── node-a ──┐
 *     postgres ── node-b ──┼ bridge 172.20.0.1, outside: 203.0.113.0/24, 198.51.100.0/24
 *     kafka    ── node-c ──┘
 */
export interface Wiring {
  /** Lines for `ip -batch`, run outside. */
  readonly links: readonly string[];
  /** A shell script for each namespace, run inside. */
  readonly scripts: readonly { readonly namespace: string; readonly script: string }[];
}

const gateway = { address: "172.20.0.1", address6: "fd42::ff:1", bridge: "bridge" } as const;
/** First hop of every pod. */
const hop = { address: "169.254.1.1", address6: "fe80::1" } as const;
const clusterRanges = "{ 10.42.0.0/16, 172.20.0.0/24 }";

export function wire(world: PlannedWorld): Wiring {
  const own = world.pods.filter(({ isHostNetwork }) => !isHostNetwork);
  const names = [world.outside.namespace, ...[...world.nodes, ...own].map(({ namespace }) => namespace)];
  return {
    links: [
      ...names.map((name) => `netns add ${name}`),
      ...world.nodes.map(({ name, namespace }) => veth(namespace, world.outside.namespace, name)),
      ...own.map((pod) => veth(pod.namespace, nodeOf(world, pod).namespace, vethOf(pod))),
    ],
    scripts: [
      { namespace: world.outside.namespace, script: outsideScript(world.nodes) },
      ...world.nodes.map((node) => ({
        namespace: node.namespace,
        script: nodeScript(node, world.nodes, own),
      })),
      ...own.map((pod) => ({ namespace: pod.namespace, script: podScript(pod) })),
    ],
  };
}

function veth(namespace: string, peerNamespace: string, peer: string): string {
  return `link add eth0 netns ${namespace} type veth peer name ${peer} netns ${peerNamespace}`;
}

function vethOf({ name }: PlannedPod): string {
  return `veth-${name}`.slice(0, 15); // as long as an interface's name may be
}

function nodeOf({ nodes }: PlannedWorld, pod: PlannedPod): PlannedNode {
  return nodes.find(({ name }) => name === pod.node)!;
}

function podScript({ address, address6, kilobitsPerSecond }: PlannedPod): string {
  const isSlow = kilobitsPerSecond !== undefined;
  return script({
    sysctl: isSlow ? slowSettings : [],
    ip: [
      "link set lo up",
      `link set eth0 up${isSlow ? " gso_max_segs 1" : ""}`,
      `addr add ${address}/32 dev eth0`,
      `addr add ${address6}/128 dev eth0 nodad`,
      `route add ${hop.address} dev eth0 scope link`,
      `route add default via ${hop.address} dev eth0${isSlow ? slowRoute : ""}`,
      `route add default via ${hop.address6} dev eth0`,
    ],
    more: isSlow ? [slowLink(kilobitsPerSecond)] : [],
  });
}

/**
 * Packets wait in a queue before the narrow place, which is what makes the round trip long. It has room for more than a
 * connection may have on the way, and the sender has patience: nothing is lost, nor taken for lost and sent again.
 */
const slowSettings = ["net.ipv4.tcp_wmem=4096 32768 32768", "net.ipv4.tcp_early_retrans=0"];
const slowRoute = " rto_min 2s";

function slowLink(kilobitsPerSecond: number): string {
  const rate = `rate ${kilobitsPerSecond}kbit burst 4kb`;
  return [
    `tc qdisc add dev eth0 root tbf ${rate} latency 800ms 2>/dev/null || {`,
    `tc qdisc add dev eth0 root handle 1: htb default 1; tc class add dev eth0 parent 1: classid 1:1 htb ${rate}; }`,
  ].join(" ");
}

function nodeScript(node: PlannedNode, nodes: readonly PlannedNode[], pods: readonly PlannedPod[]): string {
  const own = pods.filter((pod) => pod.node === node.name);
  const others = nodes.filter((other) => other !== node);
  return script({
    sysctl: ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"],
    ip: [
      "link set lo up",
      "link set eth0 up",
      `addr add ${node.address}/24 dev eth0`,
      `addr add ${node.address6}/112 dev eth0 nodad`,
      `route add default via ${gateway.address}`,
      ...others.map(({ range, address }) => `route add ${range} via ${address}`),
      ...others.map(({ range6, address6 }) => `route add ${range6} via ${address6}`),
      `addr add ${hop.address}/32 dev lo`,
      ...own.flatMap((pod) => [
        `link set ${vethOf(pod)} up`,
        `addr add ${hop.address6}/64 dev ${vethOf(pod)} nodad`,
        `route add ${pod.address}/32 dev ${vethOf(pod)}`,
        `route add ${pod.address6}/128 dev ${vethOf(pod)}`,
      ]),
    ],
    nft: `table inet ${prefix} {
      chain arrive {
        type nat hook prerouting priority dstnat;
        ${serviceRules(pods).join("\n")}
        ${nodePortRules(node, pods).join("\n")}
      }
      chain leave {
        type nat hook postrouting priority srcnat;
        ip saddr 10.42.0.0/16 ip daddr != ${clusterRanges} masquerade
      }
    }`,
  });
}

/** Backends in turn. */
function serviceRules(pods: readonly PlannedPod[]): string[] {
  return services.map(({ address, port, protocol, targetPort, backends }) => {
    const addresses = backends.map((name) => pods.find((pod) => pod.name === name)!.address);
    const turns = addresses.map((one, turn) => `${turn} : ${one}`).join(", ");
    const backend = `numgen inc mod ${addresses.length} map { ${turns} }`;
    return `ip daddr ${address} ${protocol} dport ${port} dnat ip to ${backend} : ${targetPort}`;
  });
}

function nodePortRules(node: PlannedNode, pods: readonly PlannedPod[]): string[] {
  return nodePorts
    .filter((nodePort) => nodePort.node === node.name)
    .map(({ port, pod, targetPort }) => {
      const { address } = pods.find(({ name }) => name === pod)!;
      return `ip daddr ${node.address} tcp dport ${port} dnat ip to ${address}:${targetPort}`;
    });
}

/** Addresses are exchanged packet by packet, without conntrack: the internet's own NAT is nobody's business here. */
function outsideScript(nodes: readonly PlannedNode[]): string {
  const hosts = outside.filter(({ isBlackHole }) => !isBlackHole);
  const holes = outside.filter(({ isBlackHole }) => isBlackHole).map(({ address }) => address);
  const pairs = (pair: (address: string) => string) => hosts.map(({ address }) => pair(address)).join(", ");
  return script({
    sysctl: ["net.ipv4.conf.all.route_localnet=1"],
    ip: [
      "link set lo up",
      `link add ${gateway.bridge} type bridge`,
      `addr add ${gateway.address}/24 dev ${gateway.bridge}`,
      `addr add ${gateway.address6}/112 dev ${gateway.bridge} nodad`,
      `link set ${gateway.bridge} up`,
      ...nodes.map(({ name }) => `link set ${name} master ${gateway.bridge} up`),
    ],
    nft: `table ip ${prefix} {
      chain arrive {
        type filter hook prerouting priority raw;
        ip daddr { ${holes.join(", ")} } drop
        ip daddr { ${pairs((address) => address)} } ip daddr set ip daddr map { ${pairs((address) => `${address} : ${loopbackOf(address)}`)} }
      }
      chain leave {
        type filter hook postrouting priority srcnat;
        oifname != "lo" ip saddr { ${pairs(loopbackOf)} } ip saddr set ip saddr map { ${pairs((address) => `${loopbackOf(address)} : ${address}`)} }
      }
    }`,
  });
}

interface Parts {
  readonly ip: readonly string[];
  readonly sysctl?: readonly string[];
  readonly nft?: string;
  readonly more?: readonly string[];
}

function script({ ip, sysctl = [], nft = "", more = [] }: Parts): string {
  return [
    "set -e",
    // Where Docker is, bridges show what they carry to nftables, as if it arrived.
    "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 > $f; done",
    ...sysctl.map((setting) => {
      const [name = "", value] = setting.split("=");
      return `echo ${value} > /proc/sys/${name.replaceAll(".", "/")}`;
    }),
    ...(nft === "" ? [] : [`nft -f - <<'END'\n${nft}\nEND`]),
    `ip -batch - <<'END'\n${ip.join("\n")}\nEND`,
    ...more,
    "",
  ].join("\n");
}
