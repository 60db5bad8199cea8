import type { MessageSource } from "../flow/index.ts";

/** What a datagram's header says, for its rows. */
export interface DatagramFacts {
  source: MessageSource;
  receivedMilliseconds: number;
  /** 16 bytes. */
  readonly agent: Uint8Array;
  subAgentId: number;
  sequenceNumber: number;
  uptimeMilliseconds: number;
}
