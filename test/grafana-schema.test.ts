import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { chartsOf, readDashboards } from "./grafana-panels.ts";
import { temporaryFolder } from "./program.ts";

const modules = fileURLToPath(new URL("../node_modules", import.meta.url));
const all = [...readDashboards("."), ...readDashboards("infinity")];

/** Names of the panels' modules in Grafana's schema, by the panel's type. */
const panelModules: Readonly<Record<string, string>> = {
  ...{ bargauge: "BarGauge", geomap: "Geomap", heatmap: "Heatmap", nodeGraph: "NodeGraph" },
  ...{ piechart: "PieChart", stat: "Stat", table: "Table", timeseries: "TimeSeries" },
};
const moduleOf = (type: string) =>
  `@grafana/schema/dist/esm/raw/composable/${type.toLowerCase()}/panelcfg/x/${panelModules[type]}PanelCfg_types.gen`;

/** JSON has texts where the schema has enumerations: each stands for the texts of its members. What is optional may be there or not. */
const plain = `
type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Some<T> = T extends (infer U)[] ? Some<U>[] : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;
`;

test("dashboards, and the options of each panel, are of Grafana's own types", (t) => {
  const folder = temporaryFolder(t);
  symlinkSync(modules, join(folder, "node_modules"));
  const types = [...new Set(all.flatMap((dashboard) => chartsOf(dashboard).map(({ type }) => type)))];
  for (const type of types) assert.ok(panelModules[type] !== undefined, `${type} has no module here`);
  const lines = [
    'import type { Dashboard } from "@grafana/schema";',
    ...types.map((type) => `import type { Options as ${panelModules[type]} } from "${moduleOf(type)}";`),
    plain,
    ...all.map(
      (dashboard) => `(${JSON.stringify(dashboard)}) satisfies Some<Plain<Dashboard>> & { id: null };`,
    ),
    ...all.flatMap((dashboard) =>
      chartsOf(dashboard).map(
        ({ type, options }) =>
          `(${JSON.stringify(options)}) satisfies Some<Plain<${panelModules[type]}>>; // ${dashboard.uid} ${type}`,
      ),
    ),
    // What the compiler has to refuse, so that it is known to look.
    `// @ts-expect-error a layout that there is not`,
    `({ layoutAlgorithm: "spiral" }) satisfies Some<Plain<NodeGraph>>;`,
    `// @ts-expect-error an option that there is not`,
    `({ nodeLimit: 500 }) satisfies Some<Plain<NodeGraph>>;`,
    `// @ts-expect-error a number where a text is`,
    `({ panels: [{ type: "stat", title: 7 }] }) satisfies Some<Plain<Dashboard>>;`,
  ];
  writeFileSync(join(folder, "dashboards.ts"), `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const options = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--module",
    "nodenext",
    "--target",
    "es2024",
    "--ignoreConfig",
  ];
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(modules, "typescript/bin/tsc"), ...options, "dashboards.ts"],
    { cwd: folder, encoding: "utf8" },
  );
  assert.equal(status, 0, stdout.slice(0, 4000));
});
