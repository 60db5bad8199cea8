import { Button } from "@mantine/core";
import { formatTime } from "../units/units.ts";
import { rangeLabel } from "./time-menu.tsx";
import type { TimeRange } from "./time-range.ts";

export interface PastBannerProps {
  readonly range: TimeRange;
  /** When the answer came, by the server's clock (Unix milliseconds). */
  readonly at: number | undefined;
  readonly onReload: () => void;
  readonly onLive: () => void;
}

/** A picture of the past never looks like the present. */
export function PastBanner({ range, at, onReload, onLive }: PastBannerProps) {
  return (
    <div className="banner past" role="status" data-testid="not-live">
      <span>
        <b>Not live.</b> {rangeLabel(range)}
        {at !== undefined && range.kind === "last" && `, as of ${formatTime(at).slice(11, 16)}`}
      </span>
      {range.kind === "last" && (
        <Button size="compact-xs" variant="default" onClick={onReload}>
          Ask again
        </Button>
      )}
      <Button size="compact-xs" onClick={onLive}>
        Back to live
      </Button>
    </div>
  );
}
