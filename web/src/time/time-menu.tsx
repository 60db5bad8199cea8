import { Button, Popover } from "@mantine/core";
import { useState } from "react";
import { useServerClock } from "../data/server-clock.ts";
import { ChevronIcon, ClockIcon } from "../icons.tsx";
import { formatTime } from "../units/units.ts";
import { spanLabels, spans, type TimeRange } from "./time-range.ts";
import "./time.css";

/** Live, a span up to now, or from–to. */
export function TimeMenu({ range, onChange }: { range: TimeRange; onChange: (range: TimeRange) => void }) {
  const [isOpen, setIsOpen] = useState(false);
  const choose = (next: TimeRange) => {
    setIsOpen(false);
    onChange(next);
  };
  const isLive = range.kind === "live";
  return (
    <Popover opened={isOpen} onChange={setIsOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          data-testid="time"
          className="time-button"
          leftSection={isLive ? <span className="live-dot" /> : <ClockIcon />}
          rightSection={<ChevronIcon />}
          onClick={() => setIsOpen(!isOpen)}
        >
          {rangeLabel(range)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="time-choices">
          <Button
            variant={isLive ? "light" : "subtle"}
            justify="start"
            onClick={() => choose({ kind: "live" })}
          >
            Live
          </Button>
          {spans.map((span) => (
            <Button
              key={span}
              data-testid={`time-${span}`}
              justify="start"
              variant={range.kind === "last" && range.span === span ? "light" : "subtle"}
              onClick={() => choose({ kind: "last", span })}
            >
              {spanLabels[span]}
            </Button>
          ))}
          <Between range={range} onChoose={choose} />
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

export function rangeLabel(range: TimeRange): string {
  if (range.kind === "live") return "Live";
  if (range.kind === "last") return spanLabels[range.span];
  const [from, to] = [formatTime(range.from), formatTime(range.to)];
  const thisYear = formatTime(Date.now()).slice(0, 4);
  const isThisYear = from.startsWith(thisYear) && to.startsWith(thisYear);
  const isOneDay = from.slice(0, 10) === to.slice(0, 10);
  return `${from.slice(isThisYear ? 5 : 0, 16)} – ${to.slice(isOneDay ? 11 : isThisYear ? 5 : 0, 16)}`;
}

function Between({ range, onChoose }: { range: TimeRange; onChoose: (range: TimeRange) => void }) {
  const now = useServerClock().now();
  const start = range.kind === "between" ? range : { from: now - 3_600_000, to: now };
  const [from, setFrom] = useState(localInput(start.from));
  const [to, setTo] = useState(localInput(start.to));
  const fromTime = new Date(from).getTime();
  const toTime = new Date(to).getTime();
  return (
    <form
      className="time-between"
      onSubmit={(event) => {
        event.preventDefault();
        if (fromTime < toTime) onChoose({ kind: "between", from: fromTime, to: toTime });
      }}
    >
      <label>
        From
        <input type="datetime-local" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        To
        <input type="datetime-local" value={to} onChange={(event) => setTo(event.currentTarget.value)} />
      </label>
      <Button type="submit" size="xs" variant="light" disabled={!(fromTime < toTime)}>
        Show
      </Button>
    </form>
  );
}

/** What a `datetime-local` input takes: local time to the minute. */
function localInput(milliseconds: number): string {
  return formatTime(milliseconds).slice(0, 16).replace(" ", "T");
}
