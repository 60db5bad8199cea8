import { type Cidr, formatCidr, isPrivateAddress, parseAddress, parseCidr } from "../../flow/index.ts";
import { PrefixTable } from "../prefix-table.ts";
import { networkOf } from "./fallback-network.ts";

/** One range of the user's own, as the configuration has it. */
export interface OwnNetwork {
  /** What it is called on the map. Several ranges may have one name. */
  readonly name: string;
  readonly cidr: Cidr;
  /** IEEE 802.1Q VLAN id, 1 to 4094. */
  readonly vlan?: number | undefined;
  readonly site?: string | undefined;
}

/** What a cluster says of its addresses: `ClusterIndex`. */
export interface ClusterRanges {
  /** In a range of pods or services, or a node's. */
  isInside(bytes: Uint8Array, offset: number): boolean;
  /** Changes whenever that may. */
  readonly rangeChanges: number;
}

const noCluster: ClusterRanges = { isInside: () => false, rangeChanges: 0 };
/** Of a cluster's addresses that are routed on the internet too, as those of IPv6 may be. */
const clusterNetwork = "cluster";

/** The user's own networks, and a cluster's. An address is in the narrowest range that holds it. */
export class NetworkTable {
  readonly #networks: PrefixTable<OwnNetwork>;
  readonly #cluster: ClusterRanges;

  /** Of two equal ranges the first counts; whoever reads a configuration refuses them: see `networkProblems`. */
  constructor(networks: readonly OwnNetwork[], cluster = noCluster) {
    this.#networks = new PrefixTable(networks.map((network) => ({ cidr: network.cidr, value: network })));
    this.#cluster = cluster;
  }

  get count(): number {
    return this.#networks.count;
  }

  /** Changes whenever answers may have. */
  get generation(): number {
    return this.#cluster.rangeChanges;
  }

  /** The narrowest own network around the address at `bytes[offset]`. */
  find(bytes: Uint8Array, offset = 0): OwnNetwork | undefined {
    return this.#networks.find(bytes, offset);
  }

  /** The name of the network an address is shown in: the user's, else by its /24 or /64, else "cluster" or "internet". */
  nameOf(bytes: Uint8Array, offset = 0): string {
    const own = this.find(bytes, offset);
    if (own !== undefined) return own.name;
    const isRouted = !isPrivateAddress(bytes, offset);
    return isRouted && this.#cluster.isInside(bytes, offset) ? clusterNetwork : networkOf(bytes, offset);
  }

  /** Whether an address is one of ours: in an own network, the cluster's, or not routed on the internet. */
  isInside(bytes: Uint8Array, offset = 0): boolean {
    return (
      isPrivateAddress(bytes, offset) ||
      this.find(bytes, offset) !== undefined ||
      this.#cluster.isInside(bytes, offset)
    );
  }
}

/** Names that mean something else where networks are named. */
const reservedNames = new Set(["internet", "loopback", "elsewhere"]);

/** A network as it is written down. */
export interface WrittenNetwork {
  readonly name: string;
  readonly cidr: string;
}

/** What is wrong with one network by itself, in words; undefined when nothing is. */
export function networkProblem({
  name,
  cidr,
}: WrittenNetwork): { at: keyof WrittenNetwork; message: string } | undefined {
  const range = parseCidr(cidr);
  if (range === undefined)
    return { at: "cidr", message: `"${cidr}" is no range, such as 10.1.0.0/16 or 2001:db8::/32` };
  const written = parseAddress(cidr.split("/")[0]!);
  if (written?.some((byte, i) => byte !== range.address[i]))
    return {
      at: "cidr",
      message: `"${cidr}" has bits behind its prefix; ${formatCidr(range)} is the whole range`,
    };
  if (reservedNames.has(name.toLowerCase()))
    return {
      at: "name",
      message: `"${name}" is what Portolan calls addresses of no network of yours; choose another`,
    };
  if (parseCidr(name) !== undefined && name !== formatCidr(range))
    return { at: "name", message: `"${name}" is a range, and not this one; choose a name` };
  return undefined;
}

/** Ranges that are there twice, by index, each with the index of the first. Ranges within others are no problem. */
export function repeatedRanges(networks: readonly OwnNetwork[]): { index: number; first: number }[] {
  const firstByRange = new Map<string, number>();
  const repeated: { index: number; first: number }[] = [];
  for (const [index, { cidr }] of networks.entries()) {
    const range = formatCidr(cidr);
    const first = firstByRange.get(range);
    if (first === undefined) firstByRange.set(range, index);
    else repeated.push({ index, first });
  }
  return repeated;
}
