import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type DashboardLink,
  type VariableModel,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { arrange, type Section } from "./panels.ts";

export interface DashboardSpec {
  /** Fixed: links lead to it, and a newer one takes the older one's place. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Builder<VariableModel>[];
  readonly links: readonly Builder<DashboardLink>[];
  readonly sections: readonly Section[];
  readonly from?: string;
}

/** Classic JSON, which Grafana 10 to 13 take. */
export function dashboardOf(spec: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags(["portolan", "network"])
    .time({ from: spec.from ?? "now-1h", to: "now" })
    .refresh("30s")
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([...spec.variables])
    .links([...spec.links]);
  const { templating, ...dashboard } = builder.build();
  const list = templating?.list?.map(withoutIntervals) ?? [];
  // A dashboard that is provisioned has no id of its own: Grafana gives it one.
  return { ...dashboard, templating: { list }, id: null as never, panels: arrange(spec.sections) };
}

/** The builder gives every variable what only those of intervals have. */
function withoutIntervals({
  auto: _,
  auto_min: __,
  auto_count: ___,
  ...variable
}: VariableModel): VariableModel {
  return variable as VariableModel;
}
