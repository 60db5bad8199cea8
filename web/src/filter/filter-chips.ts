/** Filters one click away, and some to learn from. */
export const chips = [
  { term: "failed>0", label: "failing", title: "Only links with failed connections" },
  { term: "network:internet", label: "external", title: "Only links to or from the internet" },
  { term: "observer:agent:*", label: "by agent", title: "Only links an agent saw" },
  { term: "exporter:*", label: "by exporter", title: "Only links an exporter saw" },
  { term: "-network:loopback", label: "no loopback", title: "Hide traffic of a machine with itself" },
] as const;

/** Links that carried more than most. */
export const heaviestTerm = "bytes>10MB";

export const examples = [
  { filter: "nginx", meaning: "a name with nginx in it, on either end" },
  { filter: "server.network:internet", meaning: "what goes out to the internet" },
  { filter: "port:80,443 -network:loopback", meaning: "web traffic, without loopback" },
  { filter: "address:192.168.0.0/16 bytes>10MB", meaning: "heavy links of a range" },
  { filter: "failed>0 OR retransmits>100", meaning: "links in trouble" },
  { filter: "client.kind:container protocol:udp", meaning: "containers that ask by UDP" },
] as const;
