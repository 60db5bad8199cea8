/**
 * Writes what is committed of the dashboards and rules, from their source:
 *
 *   node deploy/grafana/render.ts [--check]
 *
 * `dashboards/NAME.json` for Grafana's provisioning, `configmaps/NAME.yaml` for its sidecar, both of those over Infinity under `infinity/`, since
 * they need that plugin; `rules/portolan.yaml` for Prometheus, `prometheus-rule.yaml` for its operator. With `--check` nothing is written: it ends with 1 when something is not what would be.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { stringify } from "yaml";
import { externalDashboard } from "./source/external.ts";
import { flowsDashboard } from "./source/flows.ts";
import {
  infinityExternalDashboard,
  infinityFlowsDashboard,
  infinityItselfDashboard,
  infinityTopologyDashboard,
} from "./source/infinity.ts";
import { itselfDashboard } from "./source/itself.ts";
import { ruleGroups } from "./source/rules.ts";
import { topologyDashboard } from "./source/topology.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
/** What is in them is rendered, all of it. */
const folders = ["dashboards", "configmaps", "rules", "infinity/dashboards", "infinity/configmaps"];

/** By the folder they are written to. */
export const dashboardSets: Readonly<Record<"." | "infinity", readonly Dashboard[]>> = {
  ".": [topologyDashboard(), flowsDashboard(), externalDashboard(), itselfDashboard()],
  infinity: [
    infinityTopologyDashboard(),
    infinityFlowsDashboard(),
    infinityExternalDashboard(),
    infinityItselfDashboard(),
  ],
};

/** Every file that is rendered, by its path under this folder. */
export function rendered(): Map<string, string> {
  const files = new Map<string, string>();
  for (const [set, dashboards] of Object.entries(dashboardSets)) {
    for (const dashboard of dashboards) {
      const text = `${JSON.stringify(dashboard, null, 1)}\n`;
      files.set(join(set, `dashboards/${dashboard.uid}.json`), text);
      files.set(
        join(set, `configmaps/${dashboard.uid}.yaml`),
        stringify(configMapOf(dashboard), { lineWidth: 0 }),
      );
    }
  }
  const note = "# Rendered by deploy/grafana/render.ts.\n";
  files.set("rules/portolan.yaml", note + stringify({ groups: ruleGroups }, { lineWidth: 0 }));
  files.set("prometheus-rule.yaml", note + stringify(prometheusRule(), { lineWidth: 0 }));
  return files;
}

/** Compact, since kubectl keeps another copy of it as an annotation of 256 KiB at most. The file's name is nobody else's. */
function configMapOf(dashboard: Dashboard) {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: dashboard.uid,
      labels: { grafana_dashboard: "1", "app.kubernetes.io/name": "portolan" },
      annotations: { grafana_folder: "Network" },
    },
    data: { [`${dashboard.uid}.json`]: `${JSON.stringify(dashboard)}\n` },
  };
}

function prometheusRule() {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "portolan", labels: { "app.kubernetes.io/name": "portolan", release: "prometheus" } },
    spec: { groups: ruleGroups },
  };
}

/** Files that are not what they would be, and those that would not be. */
export function differences(): string[] {
  const wanted = rendered();
  const there = folders.flatMap((name) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
  const isSame = (file: string, text: string) => {
    try {
      return readFileSync(join(folder, file), "utf8") === text;
    } catch {
      return false;
    }
  };
  return [
    ...[...wanted].filter(([file, text]) => !isSame(file, text)).map(([file]) => file),
    ...there.filter((file) => !wanted.has(file)),
  ];
}

if (import.meta.main) {
  if (process.argv[2] === "--check") {
    const stale = differences();
    if (stale.length > 0)
      console.error(`not as rendered: ${stale.join(", ")}; node deploy/grafana/render.ts`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    for (const name of folders) rmSync(join(folder, name), { recursive: true, force: true });
    for (const [file, text] of rendered()) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
  }
}
