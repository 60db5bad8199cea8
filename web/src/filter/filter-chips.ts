import type { View } from "../view.ts";

/** Filters one click away, and some to learn from. */
export const chips = [
  { term: "failed>0", label: "failing", title: "Only links with failed connections" },
  { term: "network:internet", label: "external", title: "Only links to or from the internet" },
  { term: "observer:agent:*", label: "by agent", title: "Only links an agent saw" },
  { term: "exporter:*", label: "by exporter", title: "Only links an exporter saw" },
  { term: "-network:loopback", label: "no loopback", title: "Hide traffic of a machine with itself" },
] as const;

/** What no term says, since it needs more than a link's own totals; kept in the view beside the filter. */
export const onlyChips = [
  {
    one: "new",
    label: "new",
    title: "Only links that were first seen in this time",
    isFor: ({ group }: Pick<View, "group">) => group === "peer",
  },
  {
    one: "busy",
    label: "hide idle",
    title: "Hide links without traffic for half a minute; while live",
    isFor: ({ range }: Pick<View, "range">) => range.kind === "live",
  },
] as const;

export const examples = [
  { filter: "nginx", meaning: "a name with nginx in it, on either end" },
  { filter: "server.network:internet", meaning: "what goes out to the internet" },
  { filter: "port:80,443 -network:loopback", meaning: "web traffic, without loopback" },
  { filter: "address:192.168.0.0/16 bytes>10MB", meaning: "heavy links of a range" },
  { filter: "failed>0 OR retransmits>100", meaning: "links in trouble" },
  { filter: "client.kind:container protocol:udp", meaning: "containers that ask by UDP" },
] as const;
