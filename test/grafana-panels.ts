import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the dashboards are that are committed. */
export const grafanaFolder = fileURLToPath(new URL("../deploy/grafana/", import.meta.url));

/** What the tests look at in a dashboard's JSON. */
export interface DashboardJson {
  readonly uid: string;
  readonly id: null;
  readonly title: string;
  readonly schemaVersion: number;
  readonly tags: readonly string[];
  readonly links: readonly { readonly title: string; readonly url?: string }[];
  readonly annotations?: { readonly list?: readonly object[] };
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly panels: readonly PanelJson[];
}

export interface VariableJson {
  readonly name: string;
  readonly type: string;
  readonly query?: string | { readonly query: string };
  readonly allValue?: string;
  readonly current?: { readonly value: string | readonly string[] };
  readonly datasource?: { readonly uid: string };
}

export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly TargetJson[];
  readonly transformations?: readonly TransformationJson[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly thresholds?: { readonly steps: readonly { readonly color: string }[] };
      readonly mappings?: readonly {
        readonly options: Readonly<Record<string, { readonly text: string; readonly color?: string }>>;
      }[];
      readonly links?: readonly { readonly title: string; readonly url: string }[];
    };
    readonly overrides: readonly {
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}

export interface TransformationJson {
  readonly id: string;
  readonly filter?: { readonly id: string; readonly options: string };
  readonly options: Readonly<Record<string, unknown>>;
}

export interface TargetJson {
  readonly refId: string;
  readonly expr?: string;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly format?: string;
  readonly legendFormat?: string;
  /** Of Infinity. */
  readonly url?: string;
  readonly url_options?: { readonly params: readonly { readonly key: string; readonly value: string }[] };
  readonly root_selector?: string;
  readonly columns?: readonly { readonly selector: string; readonly text: string; readonly type: string }[];
}

export function readDashboards(set: "." | "infinity"): DashboardJson[] {
  const folder = join(grafanaFolder, set, "dashboards");
  return readdirSync(folder)
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as DashboardJson);
}

/** Without the rows that are only titles. */
export const chartsOf = ({ panels }: DashboardJson): PanelJson[] =>
  panels.filter(({ type }) => type !== "row");

/** `$name`, `${name}`, `${name:format}`; not fields of data, which are values' own. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(/\$(?:\{([A-Za-z_]\w*)(?:[:.[][^}]*)?\}|([A-Za-z_]\w*))/g)].map(
    ([, braced, bare]) => braced ?? bare!,
  );
}

/** What Grafana would put in place of variables. */
export function substitute(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g,
    (written, braced, bare) => values[braced ?? bare] ?? written,
  );
}
