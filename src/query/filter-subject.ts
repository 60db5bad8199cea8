/** What a filter is evaluated on: a link with its totals, or a flow record. */
export interface FilterSubject {
  readonly client: FilterPeer;
  readonly server: FilterPeer;
  /** Of a flow record: which end `source.` means. Of a link, where it is left out, `source.` is the client. */
  readonly sourceIsClient?: boolean;
  /** Server port. */
  readonly port: number;
  /** Only flow records have these. */
  readonly clientPort?: number;
  readonly vlanId?: number;
  /** Whom the client called, where translation led to another: it counts as the server too, by address and service. */
  readonly called?: Pick<FilterPeer, "service" | "addresses"> | undefined;
  readonly protocol: number;
  readonly observers: readonly FilterObserver[];
  /** Of a flow record one pair, of a link each that an observer told of. */
  readonly interfaces: readonly FilterInterfaces[];
  readonly bytes: number;
  readonly packets: number;
  readonly connections: number;
  readonly failed: number;
  readonly refused: number;
  readonly timedOut: number;
  readonly unreachable: number;
  readonly reset: number;
  readonly lost: number;
  readonly retransmits: number;
  readonly rttMilliseconds: number | null;
}

export interface FilterPeer {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly process: string;
  readonly container: string;
  readonly node: string;
  readonly network: string;
  readonly namespace?: string;
  readonly workload?: string;
  readonly pod?: string;
  /** `, ` between several. */
  readonly service?: string;
  /** `key=value`, `,` between. */
  readonly labels?: string;
  /** ISO 3166-1 alpha-2, and the English name. */
  readonly country?: string;
  readonly countryName?: string;
  readonly asNumber?: number;
  readonly asName?: string;
  readonly domain?: string;
  readonly site?: string;
  readonly unresolved?: string;
  readonly vlan?: number;
  /** Texts of all addresses the peer has. */
  readonly addresses: readonly string[];
}

/** Numbers of the interfaces on the way, 0 where nobody said: at the client's side, and at the server's. */
export interface FilterInterfaces {
  readonly client: number;
  readonly server: number;
}

export interface FilterObserver {
  readonly id: string;
  readonly kind: "agent" | "exporter";
  readonly name: string;
}
