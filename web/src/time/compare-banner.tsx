import { Button } from "@mantine/core";
import type { ComparisonState } from "../data/use-comparison.ts";
import { type CompareWith, compareLabels } from "./time-range.ts";

/** While two windows are compared colours mean something else: that is said, and the way back is near. */
export function CompareBanner({
  compare,
  state: { isAsked, isFailed },
  onStop,
}: {
  compare: CompareWith;
  state: ComparisonState;
  onStop: () => void;
}) {
  return (
    <div className="banner past" role="status" data-testid="comparing">
      <span>
        <b>Compared with {compareLabels[compare]}.</b> {isFailed && "The other window could not be read."}
        {isAsked && !isFailed && "Asking …"}
      </span>
      <Button size="compact-xs" onClick={onStop}>
        Stop comparing
      </Button>
    </div>
  );
}
