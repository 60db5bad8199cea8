import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import type { DataSourceRef } from "@grafana/grafana-foundation-sdk/common";
import type {
  DataTransformerConfig,
  DynamicConfigValue,
  Panel,
  ValueMapping,
} from "@grafana/grafana-foundation-sdk/dashboard";

/** What every panel says. Its id stays with it, so that links to one panel (`d-solo`) stay valid. */
export interface PanelSpec {
  readonly id: number;
  readonly title: string;
  /** What is shown, in a sentence; the reader's first help. */
  readonly description: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly height: number;
  readonly queries: readonly Builder<Dataquery>[];
  /** Grafana's id of a unit. */
  readonly unit?: string;
  readonly decimals?: number;
  readonly transformations?: readonly DataTransformerConfig[];
  readonly overrides?: readonly FieldOverride[];
  /** Words in the place of numbers. */
  readonly mappings?: readonly ValueMapping[];
  /** In the menu of a value, a row, a node. */
  readonly dataLinks?: readonly DataLink[];
  /** Shown in place of nothing. */
  readonly noValue?: string;
}

export interface DataLink {
  readonly title: string;
  readonly url: string;
}

export interface FieldOverride {
  readonly field: string;
  readonly properties: readonly DynamicConfigValue[];
}

/** What all panel builders have, whatever they draw. */
interface AnyPanelBuilder extends Builder<Panel> {
  id(id: number): this;
  title(title: string): this;
  description(description: string): this;
  datasource(datasource: DataSourceRef): this;
  withTarget(target: Builder<Dataquery>): this;
  withTransformation(transformation: DataTransformerConfig): this;
  unit(unit: string): this;
  decimals(decimals: number): this;
  noValue(noValue: string): this;
  overrideByName(name: string, properties: DynamicConfigValue[]): this;
}

/** A panel of these options, with its size; where it stands is decided by the dashboard. */
export function panelOf(builder: AnyPanelBuilder, spec: PanelSpec, datasource: DataSourceRef): Panel {
  const { id, title, description, width, height, queries, mappings, dataLinks = [] } = spec;
  builder.id(id).title(title).description(description).datasource(datasource);
  for (const query of queries) builder.withTarget(query);
  for (const transformation of spec.transformations ?? []) builder.withTransformation(transformation);
  for (const { field, properties } of spec.overrides ?? []) builder.overrideByName(field, [...properties]);
  if (spec.unit !== undefined) builder.unit(spec.unit);
  if (spec.decimals !== undefined) builder.decimals(spec.decimals);
  if (spec.noValue !== undefined) builder.noValue(spec.noValue);
  const { repeatDirection: _, ...panel } = builder.build();
  const fieldConfig = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  // The builder's links are those of dashboards; a value's have these three fields.
  const links = dataLinks.map(({ title: name, url }) => ({ title: name, url, targetBlank: true })) as never;
  return {
    ...panel,
    gridPos: { x: 0, y: 0, w: width, h: height },
    fieldConfig: {
      ...fieldConfig,
      defaults: {
        ...fieldConfig.defaults,
        ...(mappings === undefined ? {} : { mappings: [...mappings] }),
        ...(dataLinks.length === 0 ? {} : { links }),
      },
    },
  };
}

/** A title over panels that belong together, or none. */
export interface Section {
  readonly title?: string;
  readonly panels: readonly Panel[];
}

const columns = 24;

/** Side by side while there is room, below one another then. Rows have ids from 1000, panels below. */
export function arrange(sections: readonly Section[]): Panel[] {
  const placed: Panel[] = [];
  let y = 0;
  for (const [index, { title, panels }] of sections.entries()) {
    if (title !== undefined) {
      const row = { type: "row", id: 1000 + index, title, collapsed: false, panels: [] };
      placed.push({ ...row, gridPos: { x: 0, y, w: columns, h: 1 } } as Panel);
      y += 1;
    }
    let [x, height] = [0, 0];
    for (const panel of panels) {
      const { w, h } = panel.gridPos!;
      if (x + w > columns) {
        y += height;
        [x, height] = [0, 0];
      }
      placed.push({ ...panel, gridPos: { x, y, w, h } });
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return placed;
}
