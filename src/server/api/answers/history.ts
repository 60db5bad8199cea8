import { z } from "zod";
import { coreFields } from "../../../flow/index.ts";
import { count, countsByName, instant, milliseconds, named } from "./components.ts";
import { linkTotals } from "./topology.ts";

const window = { from: instant, to: instant };

const topRow = named("TopRow", "One group, with its totals over the window.", {
  group: z.array(z.string()).describe("One value per member of `by`."),
  value: z.number().nullable().describe("Of the metric asked for."),
  ...linkTotals,
});

export const top = named("Top", "The heaviest groups.", {
  ...window,
  by: z.array(z.string()),
  metric: z.string(),
  rows: z.array(topRow),
  groupsLeftOut: count,
});

export const series = named("Series", "Totals per step.", {
  ...window,
  step: z.int().describe("Milliseconds."),
  metric: z.string(),
  times: z.array(instant).describe("Start of each step."),
  series: z.array(
    z.strictObject({
      group: z.array(z.string()),
      sent: z.array(z.number().nullable()).describe("Per step; of a metric without direction, all of it."),
      received: z.array(count).optional().describe("Of bytes."),
    }),
  ),
});

const lookedUpName = named("LookedUpName", "A name, and what became of the questions for it.", {
  name: z
    .string()
    .describe(
      "In lower case, without the last dot; bytes that names have not as `\\DDD`. `~reverse`: names of addresses together; `~other`: beyond what is kept apart.",
    ),
  queries: count.describe("Questions: most programs ask two for a name, for IPv4 and for IPv6."),
  answers: count.describe("Failures too."),
  failures: count.describe("Answers with a response code other than NOERROR."),
  failureCounts: countsByName.describe("By NXDOMAIN, SERVFAIL, REFUSED and `other`; those that were."),
  timedOut: count.describe("Without an answer for five seconds."),
  latencyMeanMs: milliseconds,
  latencyMaxMs: milliseconds,
  lastSeen: instant,
  peers: count.describe("That looked it up."),
  searchOf: z
    .string()
    .optional()
    .describe(
      "It does not exist, and this one, which was answered, was meant: a search list put the rest behind it.",
    ),
});

export const lookups = named("Lookups", "Names that peers looked up.", {
  ...window,
  names: z
    .array(lookedUpName)
    .describe(
      "Those with failures and time-outs first, then the most asked for; those that a search list made last.",
    ),
  namesLeftOut: count,
});

/** Names and what they mean are the field table's; peers and the observer are ids. */
const textFields: ReadonlySet<string> = new Set([
  ...["observer", "sourcePeer", "destinationPeer", "calledPeer", "protocolIdentifier"],
]);
const flowFields = Object.fromEntries(
  coreFields.map((field) => {
    const { name, column, label, description } = field;
    const kind =
      name === "isDuplicate"
        ? z.boolean()
        : textFields.has(name) || column === "address"
          ? z.string()
          : z.number();
    const unit = "unit" in field ? `, ${field.unit}` : "";
    return [name, kind.describe(`${label}${unit}. ${description}`)];
  }),
);

const flowRecord = named(
  "FlowRecord",
  "As an observer told it, and as it came: not corrected for sampling.",
  {
    recordId: z.number(),
    ...flowFields,
    sourcePeerName: z.string(),
    destinationPeerName: z.string(),
    calledPeerName: z.string(),
    observerName: z.string(),
  },
);

/** The columns of a flow record as the API has them, in order. */
export const flowColumns: readonly string[] = Object.keys(flowRecord.shape);

export const flows = named("FlowPage", "Flow records as they came, newest first.", {
  records: z.array(flowRecord),
  nextCursor: z.string().nullable().describe("For the page of older ones; null at the end."),
});
