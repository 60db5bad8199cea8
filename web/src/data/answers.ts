/** What the API answers, where `src/topology` does not say it already. */
export interface Status {
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  readonly agent: {
    readonly state: "on" | "off";
    readonly reason?: string;
    readonly remedy?: string;
    readonly connections: number;
  };
  readonly collector: {
    /** `udp://0.0.0.0:2055` */
    readonly listeners: readonly string[];
    /** This machine's addresses, for an exporter to send to. */
    readonly addresses: readonly string[];
    readonly exporters: readonly ExporterStatus[];
  };
  readonly store: {
    readonly state: "on" | "off";
    readonly folder: string;
    readonly bytes: number;
    readonly flowRecords: number;
    readonly oldestFlow: number | null;
  };
}

export interface ExporterStatus {
  readonly address: string;
  readonly protocols: readonly string[];
  readonly packets: number;
  readonly records: number;
  /** Count by drop reason. */
  readonly drops: Readonly<Record<string, number>>;
  readonly lastSeen: number;
}

export interface Series {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly metric: string;
  /** Unix milliseconds of each step's start. */
  readonly times: readonly number[];
  /** Totals per step; `received` only for metrics with a direction. */
  readonly series: readonly {
    readonly group: readonly string[];
    readonly sent: readonly number[];
    readonly received?: readonly number[];
  }[];
}

export interface FlowPage {
  readonly records: readonly FlowRecord[];
  readonly nextCursor?: string | null;
}

export interface FlowRecord {
  readonly collectionTimeMilliseconds: number;
  readonly sourceAddress: string;
  readonly sourceTransportPort: number;
  readonly destinationAddress: string;
  readonly destinationTransportPort: number;
  readonly protocolIdentifier: string;
  readonly octetDeltaCount: number;
  readonly reverseOctetDeltaCount: number;
  readonly packetDeltaCount: number;
  readonly reversePacketDeltaCount: number;
  readonly sourcePeerName: string;
  readonly destinationPeerName: string;
  readonly observerName: string;
  readonly isDuplicate: boolean;
  readonly samplingInterval: number;
}
