import { z } from "zod";
import { count, instant, named } from "./components.ts";
import { series } from "./history.ts";
import { link, linkTotals, peer } from "./topology.ts";

const window = { from: instant, to: instant };
const seen = { firstSeen: instant, lastSeen: instant };
/** Of what is on the live map already, and not in the store. */
const stored = {
  firstSeen: instant.nullable().describe("Null while nothing is stored: a minute is when it is over."),
  lastSeen: instant.nullable().describe("Null while nothing is stored."),
};

export const peerDetails = named(
  "PeerDetails",
  "A peer: what is known of it, and what it does in the window.",
  {
    ...window,
    peer,
    ...stored,
    addresses: z
      .array(z.strictObject({ address: z.string(), name: z.string(), ...seen }))
      .describe("Each with the name it has there, the last seen first."),
    addressesLeftOut: count,
    names: z
      .array(z.strictObject({ name: z.string(), since: instant }))
      .describe("Names it was looked up or shown by, the newest first."),
    ports: z
      .array(z.strictObject({ port: z.int(), protocol: z.string(), ...linkTotals }))
      .describe("At which it serves, the heaviest first."),
    peers: z.array(peer).describe("At the other ends of its links."),
    links: z.array(link).describe("The heaviest first."),
    linksLeftOut: count,
    series,
  },
);

export const linkDetails = named("LinkDetails", "A link: both ends, and what it carries in the window.", {
  ...window,
  client: peer,
  server: peer,
  ...stored,
  link: link.nullable().describe("Null when there was nothing in the window."),
  series,
});

const change = z.enum(["new", "gone", "changed"]);
const side = z.strictObject(linkTotals).nullable().describe("Null when there was nothing in that window.");

const changedLink = named("ChangedLink", "A link in two windows.", {
  ...{ change, id: z.string(), client: z.string(), server: z.string() },
  ...{ clientName: z.string(), serverName: z.string() },
  ...{ value: z.number(), baseValue: z.number() },
  factor: z.number().nullable().describe("`value` per second by `baseValue` per second; null of new ones."),
  ...{ now: side, base: side },
  firstSeen: instant.describe("Of the first record that is still remembered, in whatever window."),
});

const changedPeer = named("ChangedPeer", "A peer that is in one of two windows alone.", {
  ...{ change: z.enum(["new", "gone"]), id: z.string(), kind: z.string(), name: z.string() },
  value: z.number().describe("Of all its links, in the window in which it is."),
  firstSeen: instant,
});

export const diff = named("Diff", "What is new, gone, and changed between two windows.", {
  ...window,
  baseFrom: instant,
  baseTo: instant,
  metric: z.string(),
  factor: z.number(),
  links: z.array(changedLink).describe("Those first whose metric differs most."),
  peers: z.array(changedPeer).describe("The heaviest first."),
  counts: z
    .strictObject({ newLinks: count, goneLinks: count, linksInBoth: count })
    .describe("Of all links, also those beyond the limit."),
  isComplete: z
    .boolean()
    .describe(
      "Whether all links were compared. Where not, the heaviest differences were, and peers are left out.",
    ),
});
