import {
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";

/** Prometheus by a variable, so that a dashboard knows nobody's data source by name. */
export const prometheus = { type: "prometheus", uid: "${DS_PROMETHEUS}" };

/** At one moment, a row per series: what tables, bars and node graphs draw. */
export const instant = (expr: string, legend = "__auto", refId = "A") =>
  new DataqueryBuilder()
    .expr(expr)
    .instant()
    .format(PromQueryFormat.TimeSeries)
    .legendFormat(legend)
    .refId(refId);

/** The same as a table with a column per label. */
export const rows = (expr: string, refId = "A") =>
  new DataqueryBuilder().expr(expr).instant().format(PromQueryFormat.Table).refId(refId);

export const range = (expr: string, legend: string, refId = "A") =>
  new DataqueryBuilder().expr(expr).range().legendFormat(legend).refId(refId);

export const buckets = (expr: string, refId = "A") =>
  new DataqueryBuilder()
    .expr(expr)
    .range()
    .format(PromQueryFormat.Heatmap)
    .legendFormat("{{le}}")
    .refId(refId);

/** Which of several Portolans; all of them unless said. */
export const job = 'job=~"$job"';

export const datasourceVariable = () =>
  new DatasourceVariableBuilder("DS_PROMETHEUS").label("Prometheus").type("prometheus");

export const jobVariable = () =>
  labelVariable("job", "Job", "label_values(portolan_build_info, job)").description(
    "The scrape job, or the label of remote write.",
  );

/** Any of a label's values; all of them unless said. */
export function labelVariable(name: string, label: string, query: string) {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(prometheus)
    .query({ query, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(".*")
    .current({ selected: true, text: ["All"], value: ["$__all"] });
}

/** Where Portolan's own page is, for links to it. */
export const pageVariable = () =>
  new TextBoxVariableBuilder("portolan")
    .label("Portolan")
    .description("Where Portolan's own page is, as your browser reaches it.")
    .defaultValue("http://127.0.0.1:8080")
    .current({ text: "http://127.0.0.1:8080", value: "http://127.0.0.1:8080" });

/** To the other dashboards, with time and variables; and to Portolan's page, with the time. */
export const dashboardLinks = (page: string) => [
  new DashboardLinkBuilder("Portolan")
    .type(DashboardLinkType.Dashboards)
    .tags(["portolan"])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true),
  new DashboardLinkBuilder("Open in Portolan")
    .type(DashboardLinkType.Link)
    .icon("external link")
    .tooltip("The same time on Portolan's own page")
    .url(page)
    .targetBlank(true),
];
