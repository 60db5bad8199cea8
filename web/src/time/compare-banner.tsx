import { Button } from "@mantine/core";
import type { Diff } from "../data/answers.ts";
import type { ComparisonState } from "../data/use-comparison.ts";
import { formatCount } from "../units/units.ts";
import { type CompareWith, compareLabels } from "./time-range.ts";

/** While two windows are compared colours mean something else: that is said, and the way back is near. */
export function CompareBanner({
  compare,
  state: { isAsked, isFailed },
  diff,
  onStop,
}: {
  compare: CompareWith;
  state: ComparisonState;
  diff: Diff | undefined;
  onStop: () => void;
}) {
  return (
    <div className="banner past" role="status" data-testid="comparing">
      <span>
        <b>Compared with {compareLabels[compare]}.</b> {isFailed && "The other window could not be read."}
        {isAsked && !isFailed && "Asking …"}
        {!isAsked && !isFailed && diff !== undefined && diffText(diff)}
      </span>
      <Button size="compact-xs" onClick={onStop}>
        Stop comparing
      </Button>
    </div>
  );
}

/** Counts of all stored links; of the new ones also how many were never seen before, as far as is remembered. */
function diffText({ counts: { newLinks, goneLinks, linksInBoth }, links, from, isComplete }: Diff): string {
  const fresh = links.filter(({ change, firstSeen }) => change === "new" && firstSeen >= from).length;
  const isAllListed = isComplete && links.length >= newLinks + goneLinks;
  const never = newLinks > 0 && isAllListed ? ` (${formatCount(fresh)} never seen before)` : "";
  return `${formatCount(newLinks)} new${never}, ${formatCount(goneLinks)} gone, ${formatCount(linksInBoth)} in both.`;
}
