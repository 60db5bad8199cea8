import { createHash } from "node:crypto";
import type { ActorCall, ActorPlan } from "./actor.ts";
import {
  type Call,
  calls,
  type Node,
  nodePorts,
  nodes,
  outside,
  type Pod,
  pods,
  prefix,
  services,
} from "./world.ts";

export interface PlannedNode {
  readonly name: Node;
  readonly namespace: string;
  readonly address: string;
  readonly address6: string;
  /** Ranges of its pods' addresses. */
  readonly range: string;
  readonly range6: string;
}

export interface PlannedPod extends Pod {
  /** Network namespace, by the name `ip netns` knows. */
  readonly namespace: string;
  readonly address: string;
  readonly address6: string;
  readonly uid: string;
  readonly containerId: string;
  /** Path below the demo's own control group. */
  readonly controlGroup: string;
  readonly actor: ActorPlan;
}

/** What has to be seen of a call, over TCP, by somebody who watches this machine. */
export interface PlannedLink {
  readonly client: PlannedPod | { readonly address: string };
  /** The pods that answer, or the host outside. */
  readonly servers: readonly (PlannedPod | { readonly address: string })[];
  /** Where the client connects to; another than the server's own where there is NAT. */
  readonly address: string;
  readonly port: number;
  readonly isFailing: boolean;
  readonly isKept: boolean;
}

export interface PlannedWorld {
  readonly nodes: readonly PlannedNode[];
  readonly pods: readonly PlannedPod[];
  /** The internet is one namespace, and one process there plays all its hosts. */
  readonly outside: { readonly namespace: string; readonly actor: ActorPlan };
  readonly links: readonly PlannedLink[];
}

/**
 * Sockets outside stand on loopback addresses, 127.0.113.40 for 203.0.113.40: an agent that leaves loopback out does not
 * see them, just as it would not see the internet's.
 */
export function loopbackOf(address: string): string {
  const [, , network, host] = address.split(".");
  return `127.0.${network}.${host}`;
}

/** Everything that follows from the table of `world.ts` and a seed. `uids`, by the names of pods, are those that a real API server gave them. */
export function planWorld(seed: number, uids: ReadonlyMap<string, string> = new Map()): PlannedWorld {
  const plannedNodes = nodes.map(planNode);
  const addressed = pods.map((pod, index) => ({ pod, ...addressesOf(pod, index) }));

  /** What a client of this name connects to. */
  function addressOf(name: string, isIPv6 = false): string {
    const pod = addressed.find((one) => one.pod.name === name);
    if (pod !== undefined) return isIPv6 ? pod.address6 : pod.address;
    const nodePort = nodePorts.find((one) => one.name === name);
    if (nodePort !== undefined) return planNode(nodePort.node).address;
    return [...services, ...outside].find((one) => one.name === name)!.address;
  }

  const planCall = (call: Call): ActorCall => ({
    address: addressOf(call.to, call.isIPv6),
    host: call.to,
    port: call.port,
    send: call.send,
    receive: call.receive,
    everyMilliseconds: call.everyMilliseconds,
    isKept: call.isKept ?? false,
    asks: call.asks ?? "",
    from: outside.some(({ name }) => name === call.from) ? loopbackOf(addressOf(call.from)) : "",
  });
  const records = Object.fromEntries(
    [...services, ...outside].map(({ name, address }) => [name, address] as const),
  );

  const planned = addressed.map(({ pod, address, address6 }): PlannedPod => {
    const digest = createHash("sha256").update(`${seed} ${pod.name}`).digest("hex");
    const uid =
      uids.get(pod.name) ?? digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, "$1-$2-4$3-8$4-$5");
    const containerId = createHash("sha256").update(digest).digest("hex");
    return {
      ...pod,
      namespace: `${prefix}-${pod.isHostNetwork ? pod.node : pod.name}`,
      address,
      address6,
      uid,
      containerId,
      controlGroup: `${pod.node}/${controlGroupOf(pod, uid)}/cri-containerd-${containerId}.scope`,
      actor: {
        title: pod.process ?? pod.name,
        seed: Number.parseInt(digest.slice(0, 8), 16),
        listen: pod.listen.map((port) => ({ address: "::", port })),
        nameServer: pod.isNameServer ? "::" : "",
        records: pod.isNameServer ? records : {},
        calls: calls.filter(({ from }) => from === pod.name).map(planCall),
      },
    };
  });

  return {
    nodes: plannedNodes,
    pods: planned,
    outside: {
      namespace: `${prefix}-outside`,
      actor: {
        title: "outside",
        seed,
        listen: outside.flatMap(({ address, listen }) =>
          listen.map((port) => ({ address: loopbackOf(address), port })),
        ),
        nameServer: loopbackOf(outside.find(({ isNameServer }) => isNameServer)!.address),
        records,
        calls: calls.filter(({ from }) => outside.some(({ name }) => name === from)).map(planCall),
      },
    },
    links: calls.filter(({ asks }) => asks === undefined).map(planLink),
  };

  function planLink(call: Call): PlannedLink {
    const pod = (name: string) => planned.find((one) => one.name === name);
    const host = outside.find(({ name }) => name === call.to);
    const backends =
      services.find(({ name }) => name === call.to)?.backends ??
      nodePorts.filter(({ name }) => name === call.to).map((nodePort) => nodePort.pod);
    const servers = backends.length > 0 ? backends : [call.to];
    return {
      client: pod(call.from) ?? { address: addressOf(call.from) },
      servers: host === undefined ? servers.map((name) => pod(name)!) : [{ address: host.address }],
      address: addressOf(call.to, call.isIPv6),
      port: call.port,
      isFailing: host !== undefined && !host.listen.includes(call.port),
      isKept: call.isKept ?? false,
    };
  }
}

function planNode(name: Node): PlannedNode {
  const number = nodes.indexOf(name) + 1;
  return {
    name,
    namespace: `${prefix}-${name}`,
    address: `172.20.0.${10 + number}`,
    address6: `fd42::ff:${10 + number}`,
    range: `10.42.${number}.0/24`,
    range6: `fd42::${number}:0/112`,
  };
}

function addressesOf(pod: Pod, index: number): { address: string; address6: string } {
  const node = planNode(pod.node);
  if (pod.isHostNetwork) return node;
  const host = 10 + index;
  return {
    address: node.range.replace("0/24", String(host)),
    address6: node.range6.replace("0/112", String(host)),
  };
}

/** As the kubelet names it with systemd's driver: a guaranteed pod has no slice of its class, and dashes separate slices. */
function controlGroupOf({ quality }: Pod, uid: string): string {
  const group = quality === "guaranteed" ? "kubepods" : `kubepods-${quality}`;
  const folder = quality === "guaranteed" ? "kubepods.slice" : `kubepods.slice/${group}.slice`;
  return `${folder}/${group}-pod${uid.replaceAll("-", "_")}.slice`;
}
