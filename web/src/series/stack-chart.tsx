import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { palettes, type ThemeName } from "../map/palette.ts";
import { formatMetricRate, type Metric } from "../metric.ts";
import { formatTime } from "../units/units.ts";
import type { Stack } from "./stack.ts";

/** Eight that stay apart for all common kinds of colour blindness, after Okabe and Ito. */
export function layerColours(theme: ThemeName): readonly string[] {
  return theme === "dark"
    ? ["#4da3e8", "#e2b457", "#4fc3a1", "#e88fb4", "#b3a5ff", "#ff9a52", "#d9e27a", "#8fa3ba"]
    : ["#2470b0", "#b07a10", "#0b8a66", "#a5436f", "#5a50c4", "#c2520c", "#727a10", "#77716a"];
}

export interface StackChartProps {
  readonly stack: Stack;
  readonly theme: ThemeName;
  readonly metric: Metric;
  /** Unix milliseconds of the part that was dragged over. */
  readonly onRange: (from: number, to: number) => void;
}

export function StackChart({ stack, theme, metric, onRange }: StackChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const select = useRef(onRange);
  select.current = onRange;
  useEffect(() => {
    const element = host.current!;
    const size = () => ({ width: element.clientWidth, height: Math.max(160, element.clientHeight) });
    const options = chartOptions(stack, theme, metric, (from, to) => select.current(from, to));
    const plot = new uPlot({ ...options, ...size() }, aligned(stack), element);
    const resize = new ResizeObserver(() => plot.setSize(size()));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [stack, theme, metric]);
  return (
    <div
      ref={host}
      className="stack-chart"
      data-testid="stack-chart"
      role="img"
      aria-label="Rates over time, sent above the line and received below it. The table below has the same groups."
    />
  );
}

/** The outermost first: each is painted over by those nearer to the line. */
function aligned({ times, layers }: Stack): uPlot.AlignedData {
  const outermostFirst = [...layers].reverse();
  return [
    [...times],
    ...outermostFirst.map(({ top }) => [...top]),
    ...outermostFirst.map(({ bottom }) => [...bottom]),
  ];
}

function chartOptions(
  { layers }: Stack,
  theme: ThemeName,
  metric: Metric,
  onRange: (from: number, to: number) => void,
): Omit<uPlot.Options, "width" | "height"> {
  const palette = palettes[theme];
  const colours = layerColours(theme);
  const axis = {
    stroke: palette.headingFaint,
    grid: { stroke: palette.shallows, width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  const layer = (number: number) => {
    const colour = colours[number % colours.length]!;
    return {
      stroke: colour,
      fill: mix(colour, theme === "dark" ? "#0f1c2a" : "#fffcf5"),
      width: 1.4,
      points: { show: false },
    };
  };
  const outermostFirst = layers.map((_, number) => layer(layers.length - 1 - number));
  return {
    padding: [10, 20, 0, 4],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: false } },
    scales: { y: { range: (_, low, high) => [Math.min(low, 0) * 1.06, Math.max(high, 1) * 1.06] } },
    axes: [
      {
        ...axis,
        space: 64,
        size: 28,
        values: (plot, ticks) => ticks.map((tick) => timeWords(tick, plot.scales.x!)),
      },
      {
        ...axis,
        size: 72,
        values: (_, ticks) => ticks.map((tick) => formatMetricRate(Math.abs(tick), metric)),
      },
    ],
    series: [{}, ...outermostFirst, ...outermostFirst],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
          onRange(Math.round(from * 1000), Math.round(to * 1000));
        },
      ],
    },
  };
}

/** Half the colour, half the ground: opaque, since layers lie upon one another. */
function mix(colour: string, ground: string): string {
  const part = (text: string, at: number) => Number.parseInt(text.slice(at, at + 2), 16);
  const mixed = [1, 3, 5].map((at) => Math.round(part(colour, at) * 0.45 + part(ground, at) * 0.55));
  return `rgb(${mixed.join(",")})`;
}

/** The time of day, or on a longer chart month and day. */
function timeWords(seconds: number, { min = 0, max = 0 }: uPlot.Scale): string {
  const text = formatTime(seconds * 1000);
  return max - min > 172_800 ? text.slice(5, 10) : text.slice(11, 16);
}
