import type { Pane } from "./view.ts";

export const paneLabels: Record<Pane, string> = {
  map: "Map",
  matrix: "Matrix",
  geo: "World",
  series: "Over time",
  top: "Top",
  links: "Table",
  flows: "Flows",
  exporters: "Exporters",
  agents: "Agents",
};
