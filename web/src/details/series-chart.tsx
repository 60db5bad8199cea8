import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { palettes, type ThemeName } from "../map/palette.ts";
import { formatRate, formatTime } from "../units/units.ts";
import type { DirectionSeries } from "./direction-series.ts";

export interface SeriesChartProps {
  readonly data: DirectionSeries;
  readonly outLabel: string;
  readonly inLabel: string;
  readonly theme: ThemeName;
}

const height = 150;

/** Out above the line, in below it: two directions are told apart without colour. */
export function SeriesChart({ data, outLabel, inLabel, theme }: SeriesChartProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current!;
    const plot = new uPlot(
      chartOptions(element.clientWidth, outLabel, inLabel, theme),
      aligned(data),
      element,
    );
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [data, outLabel, inLabel, theme]);
  return <div ref={host} className="series-chart" data-testid="series-chart" />;
}

function aligned({ times, out, in: into }: DirectionSeries): uPlot.AlignedData {
  return [[...times], [...out], into.map((value) => -value)];
}

function chartOptions(width: number, outLabel: string, inLabel: string, theme: ThemeName): uPlot.Options {
  const palette = palettes[theme];
  const rate = (_: unknown, value: number | null) => (value === null ? "–" : formatRate(Math.abs(value)));
  const axis = {
    stroke: palette.headingFaint,
    grid: { stroke: palette.shallows, width: 1 },
    ticks: { show: false },
    font: "10px system-ui, sans-serif",
  };
  const area = (label: string, colour: string) => ({
    label,
    stroke: colour,
    fill: `${colour}30`,
    width: 1.5,
    points: { show: false },
    value: rate,
  });
  return {
    width,
    height,
    padding: [8, 18, 0, 0],
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_, low, high) => [Math.min(low, 0) * 1.08, Math.max(high, 1) * 1.08] } },
    axes: [
      {
        ...axis,
        space: 52,
        size: 26,
        values: (plot, ticks) => ticks.map((tick) => timeWords(tick, plot.scales.x!)),
      },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => formatRate(Math.abs(tick))) },
    ],
    series: [
      {
        label: "at",
        value: (_, seconds) => (seconds === null ? "–" : formatTime(seconds * 1000).slice(11, 16)),
      },
      area(outLabel, palette.link),
      area(inLabel, palette.kinds.process),
    ],
  };
}

/** The time of day, or on a longer chart month and day. */
function timeWords(seconds: number, { min = 0, max = 0 }: uPlot.Scale): string {
  const text = formatTime(seconds * 1000);
  return max - min > 172_800 ? text.slice(5, 10) : text.slice(11, 16);
}
