import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import { fetchSeries } from "../data/api.ts";
import { useServerClock } from "../data/server-clock.ts";
import { formatDuration, formatRate, formatTime } from "../units/units.ts";
import { type Strip, stripBars, stripFor, windowAt } from "./strip.ts";
import { baseBounds, type CompareWith, rangeBounds, type TimeRange } from "./time-range.ts";

export interface TimeStripProps {
  readonly range: TimeRange;
  readonly compare: CompareWith | undefined;
  readonly filter: string;
  readonly onChange: (range: TimeRange) => void;
}

const refreshMilliseconds = 60_000;
/** A drag over less is a click: it looks at the usual span around that moment. */
const dragPixels = 4;

/** How much there was when, and the window that is looked at: dragging over a part looks at it, a click at a moment. */
export function TimeStrip({ range, compare, filter, onChange }: TimeStripProps) {
  const host = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number }>();
  const [hovered, setHovered] = useState<number>();
  const clock = useServerClock();
  const { data } = useQuery({
    queryKey: ["strip", range.kind === "live" ? "" : range, filter],
    queryFn: async ({ signal }) => {
      const strip = stripFor(range, await clock.ask());
      const params = { from: strip.from, to: strip.to, step: strip.step, metric: "bytes", filter };
      return { strip, series: await fetchSeries(params, signal) };
    },
    placeholderData: keepPreviousData,
    refetchInterval: range.kind === "between" ? false : refreshMilliseconds,
  });
  if (data === undefined) return <section className="strip" aria-label="Time" />;
  const { strip, series } = data;
  const bars = stripBars(series, strip);
  const shown = rangeBounds(range, strip.to);
  const base = compare === undefined ? undefined : baseBounds(range, compare, strip.to);
  const part = (time: number) => Math.min(1, Math.max(0, (time - strip.from) / (strip.to - strip.from)));
  const timeAt = (event: PointerEvent) => {
    const { left, width } = host.current!.getBoundingClientRect();
    return strip.from + Math.min(1, Math.max(0, (event.clientX - left) / width)) * (strip.to - strip.from);
  };
  const onUp = () => {
    if (drag === undefined) return;
    setDrag(undefined);
    const { width } = host.current!.getBoundingClientRect();
    const isClick = Math.abs(part(drag.to) - part(drag.from)) * width < dragPixels;
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    onChange(
      isClick ? windowAt(drag.from, strip) : { kind: "between", from: Math.round(from), to: Math.round(to) },
    );
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction === undefined) return;
    event.preventDefault();
    const length = shown.to - shown.from;
    const move = (event.shiftKey ? length : length / 4) * direction;
    if (shown.to + move >= strip.now) onChange({ kind: "live" });
    else onChange({ kind: "between", from: Math.round(shown.from + move), to: Math.round(shown.to + move) });
  };
  const looked = drag ?? shown;
  const left = part(Math.min(looked.from, looked.to));
  const right = part(Math.max(looked.from, looked.to));
  return (
    <section className="strip" aria-label="Time" data-testid="strip">
      <span className="strip-time">{formatTime(strip.from).slice(strip.isLong ? 5 : 11, 16)}</span>
      <div
        ref={host}
        className="strip-bars"
        role="slider"
        tabIndex={0}
        aria-label="Time: arrow keys move the window, with Shift by its length; at the right end it is live"
        aria-valuemin={strip.from}
        aria-valuemax={strip.to}
        aria-valuenow={Math.round(shown.to)}
        aria-valuetext={range.kind === "live" ? "live" : `until ${formatTime(shown.to)}`}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: timeAt(event), to: timeAt(event) });
        }}
        onPointerMove={(event) => {
          setHovered(timeAt(event));
          if (drag !== undefined) setDrag({ ...drag, to: timeAt(event) });
        }}
        onPointerUp={onUp}
        onPointerCancel={() => setDrag(undefined)}
        onPointerLeave={() => setHovered(undefined)}
      >
        <StripPicture strip={strip} heights={bars.heights} />
        {base !== undefined && (
          <span className="strip-window base" style={windowStyle(part(base.from), part(base.to))} />
        )}
        <span className="strip-window" style={windowStyle(left, right)} data-testid="strip-window" />
        {hovered !== undefined && (
          <span className="strip-hover" style={{ left: `${part(hovered) * 100}%` }}>
            <span data-side={part(hovered) > 0.8 ? "left" : undefined}>
              {formatTime(hovered).slice(strip.isLong ? 5 : 11, 16)}, {formatRate(bars.rateAt(hovered))}
            </span>
          </span>
        )}
      </div>
      <span className="strip-time">
        {range.kind === "live" ? "now" : `${formatDuration(shown.to - shown.from)} window`}
      </span>
    </section>
  );
}

const windowStyle = (left: number, right: number) => ({
  left: `${left * 100}%`,
  width: `max(3px, ${(right - left) * 100}%)`,
});

function StripPicture({ strip, heights }: { strip: Strip; heights: readonly number[] }) {
  const count = Math.max(1, heights.length);
  return (
    <svg viewBox={`0 0 ${count} 1`} preserveAspectRatio="none" aria-hidden="true" data-step={strip.step}>
      <path
        d={heights.map((height, i) => `M${i + 0.08} 1V${(1 - height).toFixed(3)}H${i + 0.92}V1Z`).join("")}
        fill="currentColor"
      />
    </svg>
  );
}
