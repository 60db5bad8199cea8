import { type Cidr, formatAddress } from "../../flow/index.ts";
import type { UnresolvedReason } from "../../topology/index.ts";
import { PrefixTable } from "../prefix-table.ts";
import { AddressHistory, type AddressHistoryConfig, addressHistoryDefaults } from "./address-history.ts";
import { Listed } from "./listed.ts";
import type {
  NamedObject,
  NodeObject,
  PodObject,
  RangeObject,
  ServiceObject,
  SliceObject,
} from "./objects.ts";
import { PodTable } from "./pod-table.ts";
import { ServiceMembers } from "./service-members.ts";

/** What an address was at a time, and for which times the answer is the same: from `since` up to, not including, `until`. */
export type ResolvedAddress = (
  | { readonly kind: "pod"; readonly pod: PodObject }
  | { readonly kind: "service"; readonly service: ServiceObject }
  | { readonly kind: "node"; readonly node: NodeObject }
  /** In the cluster's ranges, but nobody's; `node` is whose range of pod addresses it is in. */
  | { readonly kind: "unresolved"; readonly reason: UnresolvedReason; readonly node: string }
  | { readonly kind: "external" }
) & { readonly since: number; readonly until: number; readonly dependsOnPort: boolean };

type ClusterRange = { readonly of: "pods"; readonly node: string } | { readonly of: "services" };

/** What is known of a cluster's objects, and whose an address was. Time is an argument. */
export class ClusterIndex {
  readonly pods: PodTable;
  readonly services = new Listed<ServiceObject>();
  readonly nodes = new Listed<NodeObject>();
  readonly slices = new Listed<SliceObject>();
  readonly namespaces = new Listed<NamedObject>();
  readonly ranges = new Listed<RangeObject>();
  readonly #config: AddressHistoryConfig;
  readonly #podHistory: AddressHistory<PodObject>;
  readonly #serviceHistory: AddressHistory<ServiceObject>;
  readonly #nodeHistory: AddressHistory<NodeObject>;
  readonly #members = new ServiceMembers();
  readonly #outer = new Map<string, Set<string>>();
  readonly #nodePorts = new Map<number, string>();
  #changedAddresses = new Set<string>();
  #rangeChanges = 0;
  /** Of pods by their nodes, and of services; made anew when it is asked for after a change. */
  #rangeTable: { readonly changes: number; readonly table: PrefixTable<ClusterRange> } | undefined;

  constructor(config: AddressHistoryConfig = addressHistoryDefaults) {
    this.#config = config;
    this.#podHistory = new AddressHistory(config);
    this.#serviceHistory = new AddressHistory(config);
    this.#nodeHistory = new AddressHistory(config);
    this.pods = new PodTable(this.#podHistory);
  }

  /** Changes whenever a range of the cluster does, or a node's addresses do. */
  get rangeChanges(): number {
    return this.#rangeChanges;
  }

  /** Changes whenever an address may be nobody's for another reason. */
  get reasonChanges(): string {
    return `${this.#rangeChanges} ${this.pods.isWhole} ${this.services.isWhole}`;
  }

  get addressCount(): number {
    return this.#podHistory.count + this.#serviceHistory.count + this.#nodeHistory.count;
  }

  /** Addresses that there was no room for. */
  get refusedAddresses(): number {
    return this.#podHistory.refused + this.#serviceHistory.refused + this.#nodeHistory.refused;
  }

  putService(service: ServiceObject, now: number): void {
    const before = this.services.put(nameOf(service), service);
    if (before !== undefined) this.#leaveService(before, service, now);
    for (const address of service.clusterAddresses)
      if (
        this.#serviceHistory.claim(
          address,
          service.uid,
          service,
          service.createdMilliseconds || now,
          Infinity,
          now,
        )
      )
        this.#changedAddresses.add(address);
    for (const address of service.outerAddresses) {
      const known = this.#outer.get(address) ?? new Set();
      this.#outer.set(address, known.add(nameOf(service)));
      this.#changedAddresses.add(address);
    }
    for (const { nodePort, protocol } of service.ports)
      if (nodePort > 0) this.#nodePorts.set(portKey(nodePort, protocol), nameOf(service));
  }

  removeService(service: ServiceObject, now: number): void {
    const last = this.services.remove(nameOf(service)) ?? service;
    this.#leaveService(last, undefined, now);
  }

  endServices(now: number): void {
    for (const service of this.services.end()) this.#leaveService(service, undefined, now);
  }

  #leaveService(service: ServiceObject, next: ServiceObject | undefined, now: number): void {
    const name = nameOf(service);
    for (const address of service.clusterAddresses) {
      const isKept = next?.uid === service.uid && next.clusterAddresses.includes(address);
      if (!isKept && this.#serviceHistory.release(address, service.uid, now))
        this.#changedAddresses.add(address);
    }
    for (const address of service.outerAddresses) {
      const names = this.#outer.get(address);
      names?.delete(name);
      if (names?.size === 0) this.#outer.delete(address);
      this.#changedAddresses.add(address);
    }
    for (const { nodePort, protocol } of service.ports) {
      const key = portKey(nodePort, protocol);
      if (this.#nodePorts.get(key) === name) this.#nodePorts.delete(key);
    }
  }

  putNode(node: NodeObject, now: number): void {
    const before = this.nodes.put(node.name, node);
    for (const address of before?.addresses ?? [])
      if (!node.addresses.includes(address) && this.#nodeHistory.release(address, node.name, now))
        this.#changedAddresses.add(address);
    for (const address of node.addresses)
      if (this.#nodeHistory.claim(address, node.name, node, node.createdMilliseconds || now, Infinity, now))
        this.#changedAddresses.add(address);
    const isSame =
      rangesText(before?.podRanges) === rangesText(node.podRanges) &&
      before?.addresses.join() === node.addresses.join();
    if (!isSame) this.#rangeChanges++;
  }

  removeNode(node: NodeObject, now: number): void {
    this.#leaveNode(this.nodes.remove(node.name) ?? node, now);
  }

  endNodes(now: number): void {
    for (const node of this.nodes.end()) this.#leaveNode(node, now);
  }

  #leaveNode(node: NodeObject, now: number): void {
    for (const address of node.addresses)
      if (this.#nodeHistory.release(address, node.name, now)) this.#changedAddresses.add(address);
    this.#rangeChanges++;
  }

  putSlice(slice: SliceObject): void {
    const before = this.slices.put(nameOf(slice), slice);
    for (const uid of this.#members.replace(before, slice)) this.#touch(uid);
  }

  removeSlice(slice: SliceObject): void {
    const last = this.slices.remove(nameOf(slice)) ?? slice;
    for (const uid of this.#members.replace(last, undefined)) this.#touch(uid);
  }

  endSlices(): void {
    for (const slice of this.slices.end())
      for (const uid of this.#members.replace(slice, undefined)) this.#touch(uid);
  }

  putRange(range: RangeObject): void {
    this.ranges.put(range.name, range);
    this.#rangeChanges++;
  }

  removeRange({ name }: RangeObject): void {
    this.ranges.remove(name);
    this.#rangeChanges++;
  }

  endRanges(): void {
    if (this.ranges.end().length > 0) this.#rangeChanges++;
  }

  /** Names of the services that send their connections to a pod, in its namespace; sorted, `, ` between, bounded. */
  servicesOf(pod: PodObject): string {
    return this.#members.namesOf(pod.uid);
  }

  /** Whose the address was at `time` (unix ms); `port` and IANA `protocol` tell which service, where several share it. */
  resolve(bytes: Uint8Array, offset: number, time: number, port: number, protocol: number): ResolvedAddress {
    const address = formatAddress(bytes, offset);
    const held = this.#podHistory.at(address, time);
    if (held.holder !== undefined)
      return { ...span(held), kind: "pod", pod: held.holder, dependsOnPort: false };
    const service = this.#serviceHistory.at(address, time);
    if (service.holder !== undefined)
      return { ...common(held, service), kind: "service", service: service.holder, dependsOnPort: false };
    const node = this.#nodeHistory.at(address, time);
    const outer = this.#outer.get(address);
    const times = common(held, common(service, node));
    if (outer !== undefined || node.holder !== undefined) {
      const reached = this.#serviceAt(outer, node.holder, port, protocol);
      if (reached !== undefined) return { ...times, kind: "service", service: reached, dependsOnPort: true };
    }
    if (node.holder !== undefined) return { ...times, kind: "node", node: node.holder, dependsOnPort: true };
    return { ...times, ...this.#nobody(bytes, offset), dependsOnPort: outer !== undefined };
  }

  /** In a range of pods or services, or a node: traffic with it does not leave the cluster. */
  isInside(bytes: Uint8Array, offset = 0): boolean {
    return (
      this.#nobody(bytes, offset).kind !== "external" || this.#nodeHistory.has(formatAddress(bytes, offset))
    );
  }

  /** Why an address that nobody has should be somebody's; undefined for one outside of the cluster's ranges. */
  unresolvedReason(bytes: Uint8Array, offset = 0): UnresolvedReason | undefined {
    const nobody = this.#nobody(bytes, offset);
    return nobody.kind === "unresolved" ? nobody.reason : undefined;
  }

  takeChanges(): { readonly keys: Set<string>; readonly addresses: Set<string> } {
    const { keys, addresses } = this.pods.takeChanges();
    for (const address of this.#changedAddresses) addresses.add(address);
    this.#changedAddresses = new Set();
    return { keys, addresses };
  }

  sweep(now: number): void {
    this.pods.sweep(now, this.#config.keepMilliseconds);
    for (const history of [this.#podHistory, this.#serviceHistory, this.#nodeHistory]) history.sweep(now);
  }

  #serviceAt(
    outer: ReadonlySet<string> | undefined,
    node: NodeObject | undefined,
    port: number,
    protocol: number,
  ): ServiceObject | undefined {
    for (const name of outer ?? []) {
      const service = this.services.get(name);
      if (service?.ports.some((each) => each.port === port && each.protocol === protocol)) return service;
    }
    // An address that is only a service's is that service's at any port; a node has ports of its own.
    if (outer?.size === 1 && node === undefined) return this.services.get([...outer][0]!);
    return this.services.get(this.#nodePorts.get(portKey(port, protocol)) ?? "");
  }

  #nobody(
    bytes: Uint8Array,
    offset: number,
  ):
    | { readonly kind: "external" }
    | { readonly kind: "unresolved"; readonly reason: UnresolvedReason; readonly node: string } {
    const range = this.#ranges.find(bytes, offset);
    if (range?.of === "pods")
      return {
        kind: "unresolved",
        reason: this.pods.isWhole ? "no_pod_has_it" : "pods_not_known_yet",
        node: range.node,
      };
    if (range?.of === "services")
      return {
        kind: "unresolved",
        reason: this.services.isWhole ? "no_service_has_it" : "services_not_known_yet",
        node: "",
      };
    return { kind: "external" };
  }

  get #ranges(): PrefixTable<ClusterRange> {
    if (this.#rangeTable?.changes !== this.#rangeChanges) {
      const ofPods = [...this.nodes.values()].flatMap(({ name: node, podRanges }) =>
        podRanges.map((cidr) => ({ cidr, value: { of: "pods", node } as const })),
      );
      const ofServices = [...this.ranges.values()].flatMap(({ ranges }) =>
        ranges.map((cidr) => ({ cidr, value: { of: "services" } as const })),
      );
      const table = new PrefixTable<ClusterRange>([...ofPods, ...ofServices]);
      this.#rangeTable = { changes: this.#rangeChanges, table };
    }
    return this.#rangeTable!.table;
  }

  #touch(uid: string): void {
    const pod = this.pods.ofUid(uid);
    if (pod !== undefined) this.pods.touch(pod.key);
  }
}

function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

function portKey(port: number, protocol: number): number {
  return (port << 8) | protocol;
}

function rangesText(ranges: readonly Cidr[] | undefined): string {
  return (ranges ?? [])
    .map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`)
    .join();
}

function span({ since, until }: { since: number; until: number }) {
  return { since, until };
}

/** The times for which both answers hold. */
function common(a: { since: number; until: number }, b: { since: number; until: number }) {
  return { since: Math.max(a.since, b.since), until: Math.min(a.until, b.until) };
}
