import type { View } from "./view.ts";

/** Dashboards of `deploy/grafana`, by their uids. */
const dashboards: Partial<Record<View["pane"], string>> = {
  geo: "portolan-external",
  flows: "portolan-flows",
  exporters: "portolan-flows",
};

/** The dashboard that tells of what is looked at, at the same time. `base` ends with a slash. */
export function grafanaLink(base: string, { pane, range }: Pick<View, "pane" | "range">): string {
  const times =
    range.kind === "between"
      ? { from: String(range.from), to: String(range.to) }
      : { from: `now-${range.kind === "last" ? range.span : "15m"}`, to: "now" };
  return `${base}d/${dashboards[pane] ?? "portolan-topology"}?${new URLSearchParams(times)}`;
}
