/** Why a packet or a record was given up. The names are the `reason` label of the drop counters and stand in the docs. */
export const dropReasons = {
  version_unknown: "the first bytes are no known flow protocol",
  message_truncated: "the datagram ends inside its header or a record",
  set_length_invalid: "a set's length is below 4 or beyond the end of the message",
  set_truncated: "a data set is shorter than one record of its template",
  set_id_reserved: "set id 4 to 255 is reserved",
  template_invalid: "a template is cut off, has an id below 256, no fields, or records of no length",
  sample_truncated: "an sFlow sample or record is cut off, or its length runs over",
  sample_unknown: "an sFlow sample of a kind that is not read",
  template_missing: "no template arrived in time for a data set, or the waiting room was full",
  template_limit: "the exporter announced more templates than are kept",
  exporter_not_allowed: "the sender is not among those that are allowed",
  exporter_limit: "more exporters than are kept",
  record_empty: "a record carries neither addresses nor counters",
  queue_full: "records came faster than they could be handled",
  connection_limit: "more live connections or listening sockets than the agent's tables hold",
  flow_limit: "packets of more flows, other than TCP's, than the agent's table holds",
  dns_lost: "DNS messages that the agent had no room for until it read them: their names are not known",
  lookup_lost:
    "names looked up by more workloads, or more of one workload, than are kept apart, or by nobody who is known: not shown with who asked",
  nat_lost:
    "connections with translated addresses that the kernel had no room to tell of: those still open are found again",
  claim_limit:
    "more flows than are remembered, to tell one that two exporters report: it may be counted twice",
  nat_limit:
    "more connections with translated addresses than are remembered: those unused longest may be drawn with a translated address",
  report_lost:
    "the end of a connection: the kernel told nothing of it, or had no room for it until the socket was used again; its last bytes may be missing",
  name_limit: "more names were learned within a second than an agent's message has room for",
  pod_limit: "more pods on an agent's node than it keeps names of",
  rename_limit:
    "more peers got another name or other facts while the store could not write than wait for it: it tells the former ones",
  observer_limit: "more observers than are kept: counted under ~other",
  peer_limit: "more peers than are kept: drawn as ~other",
  link_limit: "more links than the live map keeps",
  interface_limit:
    "an exporter named more pairs of interfaces of one link than the live map tells apart: counted under none",
  store_full: "the disk or the store's size limit left no room",
  store_failed: "the store could not write",
  spool_full: "an agent's server was away for longer than its spool has room for: the oldest records went",
  batch_refused: "the server would never take an agent's message",
  output_failed: "records could not be written: the disk is full, or whoever reads them has stopped",
} as const satisfies Record<string, string>;

export type DropReason = keyof typeof dropReasons;

/** Counts one drop. `source` is who sent it: an exporter's address, the agent's name, a queue. */
export type ReportDrop = (reason: DropReason, source: string, count?: number) => void;
