import { PanelBuilder as BarGauge } from "@grafana/grafana-foundation-sdk/bargauge";
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  type DataSourceRef,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import type { Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  FieldColorBuilder,
  FieldColorModeId,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from "@grafana/grafana-foundation-sdk/dashboard";
import {
  PanelBuilder as Heatmap,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  HeatmapColorScale,
  YAxisConfigBuilder,
} from "@grafana/grafana-foundation-sdk/heatmap";
import {
  PanelBuilder as PieChart,
  PieChartLegendOptionsBuilder,
  PieChartLegendValues,
  PieChartType,
} from "@grafana/grafana-foundation-sdk/piechart";
import { PanelBuilder as Stat } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as Table } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TimeSeries } from "@grafana/grafana-foundation-sdk/timeseries";
import { type PanelSpec, panelOf } from "./panels.ts";

/** A value from which on it is shown in this colour. */
export interface Threshold {
  readonly from: number;
  readonly color: string;
}

const thresholdsOf = (steps: readonly Threshold[], base: string) =>
  new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([{ value: null, color: base }, ...steps.map(({ from: value, color }) => ({ value, color }))]);

const lastValue = () => new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false);
/** Each row of a table is a value of its own. */
const everyRow = () => new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(true).limit(50);

/** The charts of a dashboard, all over one data source. */
export function chartsOver(datasource: DataSourceRef) {
  return {
    /** One number, with its course behind it where it is a series. */
    stat(
      spec: PanelSpec & {
        readonly thresholds?: readonly Threshold[];
        /** The colour below them. */
        readonly base?: string;
        readonly isSeries?: boolean;
        /** Series go by their names alone. */
        readonly isName?: boolean;
      },
    ): Panel {
      const builder = new Stat()
        .reduceOptions(lastValue())
        .graphMode(spec.isSeries === false ? BigValueGraphMode.None : BigValueGraphMode.Area)
        .colorMode(BigValueColorMode.Value)
        .textMode(spec.isName === true ? BigValueTextMode.Name : BigValueTextMode.Auto)
        .orientation(VizOrientation.Auto)
        .thresholds(
          thresholdsOf(
            spec.thresholds ?? [],
            spec.base ?? (spec.thresholds === undefined ? "blue" : "green"),
          ),
        );
      return panelOf(builder, spec, datasource);
    },

    timeseries(spec: PanelSpec & { readonly isStacked?: boolean }): Panel {
      const builder = new TimeSeries()
        .lineWidth(1)
        .fillOpacity(spec.isStacked === true ? 40 : 10)
        .showPoints(VisibilityMode.Never)
        .stacking(
          new StackingConfigBuilder()
            .mode(spec.isStacked === true ? StackingMode.Normal : StackingMode.None)
            .group("A"),
        )
        .min(0)
        .legend(
          new VizLegendOptionsBuilder()
            .displayMode(LegendDisplayMode.Table)
            .placement(LegendPlacement.Bottom)
            .showLegend(true)
            .calcs(["mean", "max"]),
        )
        .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
      return panelOf(builder, spec, datasource);
    },

    /** The heaviest first, a bar each: of series, or of a table's rows, named by their text. */
    bars(spec: PanelSpec & { readonly areRows?: boolean }): Panel {
      const builder = new BarGauge()
        .orientation(VizOrientation.Horizontal)
        .displayMode(BarGaugeDisplayMode.Gradient)
        .showUnfilled(true)
        .reduceOptions(spec.areRows === true ? everyRow() : lastValue())
        .min(0)
        .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.ContinuousBlues));
      return panelOf(builder, spec, datasource);
    },

    pie(spec: PanelSpec & { readonly areRows?: boolean }): Panel {
      const builder = new PieChart()
        .pieType(PieChartType.Donut)
        .reduceOptions(spec.areRows === true ? everyRow() : lastValue())
        .legend(
          new PieChartLegendOptionsBuilder()
            .displayMode(LegendDisplayMode.Table)
            .placement(LegendPlacement.Right)
            .showLegend(true)
            .values([PieChartLegendValues.Value, PieChartLegendValues.Percent]),
        )
        .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None));
      return panelOf(builder, spec, datasource);
    },

    table(spec: PanelSpec): Panel {
      const panel = panelOf(new Table().showHeader(true).filterable(true), spec, datasource);
      const { footer: _, ...options } = panel.options; // the builder's default is of an older Grafana
      return { ...panel, options };
    },

    /** Of a histogram's buckets over time. */
    heatmap(spec: PanelSpec): Panel {
      const builder = new Heatmap()
        .calculate(false)
        .cellGap(1)
        .color(
          new HeatmapColorOptionsBuilder()
            .mode(HeatmapColorMode.Scheme)
            .scheme("Blues")
            .scale(HeatmapColorScale.Exponential)
            .exponent(0.5)
            .steps(32),
        )
        .yAxis(new YAxisConfigBuilder().unit(spec.unit ?? "short"));
      return panelOf(builder, spec, datasource);
    },
  };
}

export type Charts = ReturnType<typeof chartsOver>;
