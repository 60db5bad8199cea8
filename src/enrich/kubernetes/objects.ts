import {
  type Cidr,
  formatAddress,
  isLoopback,
  isUnspecified,
  parseAddress,
  parseCidr,
} from "../../flow/index.ts";
import { type JsonObject, listOf, numberOf, objectOf, textOf, timeOf } from "./json.ts";

/** What is kept of Kubernetes' objects: enough to name ends of connections. The rest is let go of as each is read. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface PodObject {
  /** The uid; of a static pod the hash of its manifest, which is what its control groups are called after. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  /** Canonical texts; none for a pod on its node's network, whose address is the node's. */
  readonly addresses: readonly string[];
  readonly isHostNetwork: boolean;
  readonly isStatic: boolean;
  /** Unix ms from which the addresses can have been the pod's; 0 when unknown. */
  readonly addressedMilliseconds: number;
  /** They surely were within that second; else it is only when the pod came to its node. */
  readonly isAddressedKnown: boolean;
  /** Unix ms at which the last container ended for good; 0 while it lives. */
  readonly endedMilliseconds: number;
  readonly owner: OwnerReference | undefined;
  /** `key=value` with commas between, bounded. */
  readonly labels: string;
  readonly containerIds: readonly string[];
}

export interface ServicePort {
  readonly port: number;
  /** IANA number. */
  readonly protocol: number;
  /** 0 when there is none. */
  readonly nodePort: number;
}

export interface ServiceObject {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  /** Addresses that only this service has; none for a headless service. */
  readonly clusterAddresses: readonly string[];
  /** `externalIPs` and those of a load balancer: they may be shared with other services, or be a node's. */
  readonly outerAddresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly createdMilliseconds: number;
  readonly labels: string;
}

export interface SliceObject {
  readonly namespace: string;
  readonly name: string;
  /** Name of the service; "" for a slice of something else. */
  readonly service: string;
  readonly podUids: readonly string[];
}

export interface NodeObject {
  readonly uid: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly podRanges: readonly Cidr[];
  readonly createdMilliseconds: number;
  readonly labels: string;
}

export interface NamedObject {
  readonly name: string;
}

export interface RangeObject {
  readonly name: string;
  readonly ranges: readonly Cidr[];
}

/** Annotations that the kubelet gives to what it shows the API server of a pod that comes from a file on the node: both are the file's hash. */
const manifestHash = "kubernetes.io/config.hash";
const mirrorHash = "kubernetes.io/config.mirror";

/** Annotations by which networks tell of the addresses they gave a node beside its own: its end of tunnels and bridges. */
const nodeAddressAnnotations = [
  "projectcalico.org/IPv4IPIPTunnelAddr",
  "projectcalico.org/IPv4VXLANTunnelAddr",
  "projectcalico.org/IPv6VXLANTunnelAddr",
  "projectcalico.org/IPv4WireguardInterfaceAddr",
  "network.cilium.io/ipv4-cilium-host",
  "network.cilium.io/ipv6-cilium-host",
  "network.cilium.io/ipv4-health-ip",
  "network.cilium.io/ipv6-health-ip",
] as const;

/** Of one object; a hundred of a pod's are more than enough to be known by. */
const addressesMax = 32;
const labelsMax = 64;
const labelsLengthMax = 1024;
const listMax = 1000;

/** Undefined when it has neither uid nor name: no API server sends such a thing. */
export function readPod(value: unknown): PodObject | undefined {
  const { metadata, spec, status } = objectOf(value) as Record<string, unknown>;
  const meta = objectOf(metadata);
  const [uid, name, namespace] = [textOf(meta.uid), textOf(meta.name), textOf(meta.namespace)];
  if (uid === "" || name === "") return undefined;
  const said = objectOf(status);
  const wanted = objectOf(spec);
  const isHostNetwork = wanted.hostNetwork === true;
  const owner = controllerOf(meta);
  const hash = manifestHashOf(meta, owner);
  const texts = [said.podIP, ...listOf(said.podIPs).map((each) => objectOf(each).ip)];
  return {
    key: hash || uid,
    ...{ uid, namespace, name },
    node: textOf(wanted.nodeName),
    addresses: isHostNetwork ? [] : addressesOf(texts),
    isHostNetwork,
    isStatic: hash !== "",
    addressedMilliseconds: readyOf(said) || timeOf(said.startTime),
    isAddressedKnown: readyOf(said) > 0,
    endedMilliseconds: endedOf(said, meta),
    owner,
    labels: labelsOf(meta),
    containerIds: containerIdsOf(said),
  };
}

/**
 * "" of all but the mirror of a static pod, whose controller is its node (since Kubernetes 1.17). Whoever makes pods may give them the first
 * annotation.
 */
function manifestHashOf({ annotations }: JsonObject, owner: OwnerReference | undefined): string {
  const said = objectOf(annotations);
  const hash = textOf(said[manifestHash]);
  const isMirror = textOf(said[mirrorHash]) === hash && owner?.kind === "Node" && owner.apiVersion === "v1";
  return isMirror ? hash : "";
}

/** When the pod's network was there, where the kubelet tells it (Kubernetes 1.29); 0 where not. */
function readyOf(status: JsonObject): number {
  for (const each of listOf(status.conditions)) {
    const { type, status: isTrue, lastTransitionTime } = objectOf(each) as Record<string, unknown>;
    if (type === "PodReadyToStartContainers" && isTrue === "True") return timeOf(lastTransitionTime);
  }
  return 0;
}

/** A finished pod keeps its address in its status, though the address is given to others: its end is when its last container ended. */
function endedOf(status: JsonObject, meta: JsonObject): number {
  if (status.phase !== "Succeeded" && status.phase !== "Failed") return 0;
  let ended = 0;
  for (const each of containerStatuses(status)) {
    const { terminated } = objectOf(objectOf(each).state) as Record<string, unknown>;
    ended = Math.max(ended, timeOf(objectOf(terminated).finishedAt));
  }
  // Times are whole seconds, rounded down. An evicted pod may have no container left that tells.
  return ended > 0 ? ended + 999 : timeOf(meta.deletionTimestamp) || timeOf(status.startTime) || 1;
}

function containerStatuses(status: JsonObject): readonly unknown[] {
  return [
    ...listOf(status.containerStatuses),
    ...listOf(status.initContainerStatuses),
    ...listOf(status.ephemeralContainerStatuses),
  ];
}

/** `containerd://ID` → `ID`. */
function containerIdsOf(status: JsonObject): string[] {
  const ids: string[] = [];
  for (const each of containerStatuses(status)) {
    const id = textOf(objectOf(each).containerID).split("://").pop()!;
    if (id !== "" && id.length <= 128 && ids.length < labelsMax) ids.push(id);
  }
  return ids;
}

export function readService(value: unknown): ServiceObject | undefined {
  const { metadata, spec, status } = objectOf(value) as Record<string, unknown>;
  const meta = objectOf(metadata);
  const wanted = objectOf(spec);
  const [uid, name, namespace] = [textOf(meta.uid), textOf(meta.name), textOf(meta.namespace)];
  if (uid === "" || name === "") return undefined;
  const ingress = listOf(objectOf(objectOf(status).loadBalancer).ingress);
  return {
    ...{ uid, namespace, name },
    type: textOf(wanted.type) || "ClusterIP",
    clusterAddresses: addressesOf([wanted.clusterIP, ...listOf(wanted.clusterIPs)]), // "None" is no address
    outerAddresses: addressesOf([...listOf(wanted.externalIPs), ...ingress.map((each) => objectOf(each).ip)]),
    ports: listOf(wanted.ports).slice(0, listMax).map(readServicePort),
    createdMilliseconds: timeOf(meta.creationTimestamp),
    labels: labelsOf(meta),
  };
}

const protocolNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

function readServicePort(value: unknown): ServicePort {
  const { port, protocol, nodePort } = objectOf(value) as Record<string, unknown>;
  return {
    port: numberOf(port),
    protocol: protocolNumbers[textOf(protocol)] ?? 6,
    nodePort: numberOf(nodePort),
  };
}

export function readSlice(value: unknown): SliceObject | undefined {
  const { metadata, endpoints } = objectOf(value) as Record<string, unknown>;
  const meta = objectOf(metadata);
  const name = textOf(meta.name);
  if (name === "") return undefined;
  const podUids = listOf(endpoints)
    .slice(0, listMax)
    .map((each) => objectOf(objectOf(each).targetRef))
    .filter(({ kind }) => kind === "Pod")
    .map(({ uid }) => textOf(uid));
  const service = textOf(objectOf(meta.labels)["kubernetes.io/service-name"]);
  return { namespace: textOf(meta.namespace), name, service, podUids };
}

export function readNode(value: unknown): NodeObject | undefined {
  const { metadata, spec, status } = objectOf(value) as Record<string, unknown>;
  const meta = objectOf(metadata);
  const name = textOf(meta.name);
  if (name === "") return undefined;
  const annotations = objectOf(meta.annotations);
  const wanted = objectOf(spec);
  return {
    uid: textOf(meta.uid),
    name,
    addresses: addressesOf([
      ...listOf(objectOf(status).addresses).map((each) => objectOf(each).address), // host names are none
      ...nodeAddressAnnotations.map((key) => textOf(annotations[key]).split("/")[0]),
    ]),
    podRanges: rangesOf([wanted.podCIDR, ...listOf(wanted.podCIDRs)]),
    createdMilliseconds: timeOf(meta.creationTimestamp),
    labels: labelsOf(meta),
  };
}

export function readNamed(value: unknown): NamedObject | undefined {
  const name = textOf(objectOf(objectOf(value).metadata).name);
  return name === "" ? undefined : { name };
}

export function readRange(value: unknown): RangeObject | undefined {
  const named = readNamed(value);
  return named && { ...named, ranges: rangesOf(listOf(objectOf(objectOf(value).spec).cidrs)) };
}

/** The owner that manages the object; of several without a manager the first. */
export function controllerOf(metadata: JsonObject): OwnerReference | undefined {
  const owners = listOf(metadata.ownerReferences).map(objectOf);
  const { apiVersion, kind, name, uid } = objectOf(
    owners.find((owner) => owner.controller === true) ?? owners[0],
  );
  const owner = { apiVersion: textOf(apiVersion), kind: textOf(kind), name: textOf(name), uid: textOf(uid) };
  return owner.kind === "" || owner.name === "" ? undefined : owner;
}

function labelsOf(meta: JsonObject): string {
  const parts: string[] = [];
  let length = 0;
  for (const [key, value] of Object.entries(objectOf(meta.labels))) {
    const part = `${key}=${textOf(value)}`;
    length += part.length + 1;
    if (parts.length >= labelsMax || length > labelsLengthMax) break;
    parts.push(part);
  }
  return parts.join(",");
}

/** Canonical texts, each once. Empty, unspecified and loopback addresses are nobody's. */
function addressesOf(texts: readonly unknown[]): string[] {
  const found: string[] = [];
  for (const text of texts) {
    const bytes = typeof text === "string" && text !== "" ? parseAddress(text) : undefined;
    if (bytes === undefined || isUnspecified(bytes) || isLoopback(bytes)) continue;
    const address = formatAddress(bytes);
    if (found.length < addressesMax && !found.includes(address)) found.push(address);
  }
  return found;
}

function rangesOf(texts: readonly unknown[]): Cidr[] {
  const found = new Map<string, Cidr>();
  for (const text of texts.slice(0, addressesMax)) {
    const range = typeof text === "string" ? parseCidr(text) : undefined;
    if (range !== undefined) found.set(String(text), range);
  }
  return [...found.values()];
}
