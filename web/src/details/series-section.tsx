import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { fetchSeries } from "../data/api.ts";
import { useServerClock } from "../data/server-clock.ts";
import type { ThemeName } from "../map/palette.ts";
import { rangeMilliseconds, seriesStep, type TimeRange } from "../time/time-range.ts";
import { directionSeries } from "./direction-series.ts";
import { Section } from "./panel.tsx";
import { SeriesChart } from "./series-chart.tsx";

export interface SeriesSectionProps {
  readonly range: TimeRange;
  /** Filters under which the subject is the client, and the server; for a link only the first. */
  readonly asClient: string;
  readonly asServer?: string;
  readonly outLabel: string;
  readonly inLabel: string;
  readonly theme: ThemeName;
}

const refreshMilliseconds = 30_000;

export function SeriesSection({ range, asClient, asServer, outLabel, inLabel, theme }: SeriesSectionProps) {
  const clock = useServerClock();
  const { data, isError } = useQuery({
    queryKey: ["series", range, asClient, asServer],
    queryFn: async ({ signal }) => {
      // Both questions are about the very same steps.
      const step = seriesStep(range);
      const to = range.kind === "between" ? range.to : await clock.ask();
      const times = { from: to - rangeMilliseconds(range), to, step, metric: "bytes" };
      const [client, server] = await Promise.all([
        fetchSeries({ ...times, filter: asClient }, signal),
        asServer === undefined ? undefined : fetchSeries({ ...times, filter: asServer }, signal),
      ]);
      return { client, server, to };
    },
    refetchInterval: range.kind === "between" ? false : refreshMilliseconds,
  });
  const series = useMemo(() => data && directionSeries(data.client, data.server, data.to), [data]);
  return (
    <Section title="Over time">
      {series !== undefined && series.times.length > 0 && (
        <SeriesChart data={series} outLabel={outLabel} inLabel={inLabel} theme={theme} />
      )}
      {series !== undefined && series.times.length === 0 && <p className="faint">Nothing stored yet.</p>}
      {isError && <p className="faint">The server has no series for this.</p>}
    </Section>
  );
}
