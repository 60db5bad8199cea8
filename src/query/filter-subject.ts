/** What a filter is evaluated on: a link with its totals, or a flow record. */
export interface FilterSubject {
  readonly client: FilterPeer;
  readonly server: FilterPeer;
  /** Of a flow record: which end `source.` means. Of a link, where it is left out, `source.` is the client. */
  readonly sourceIsClient?: boolean;
  /** Server port. */
  readonly port: number;
  /** Only flow records have it. */
  readonly clientPort?: number;
  readonly protocol: number;
  readonly observers: readonly FilterObserver[];
  readonly bytes: number;
  readonly packets: number;
  readonly connections: number;
  readonly failed: number;
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
  /** Texts of all addresses the peer has. */
  readonly addresses: readonly string[];
}

export interface FilterObserver {
  readonly id: string;
  readonly kind: "agent" | "exporter";
  readonly name: string;
}
