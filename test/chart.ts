import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { buildTool, helm, missingTool } from "./go-tools.ts";
import type { ApiServer, Json } from "./kubernetes-api-server.ts";

export const chartFolder = fileURLToPath(new URL("../deploy/helm/portolan", import.meta.url));

/** Why the chart cannot be rendered here; undefined when it can. */
export const missingForChart = missingTool(helm);

/** An object as it is applied: what it is, and what it is called. */
export interface Manifest extends Json {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Json };
}

/** The real helm, with folders of its own. Throws with what it says. */
export class Helm {
  readonly folder = mkdtempSync(join(tmpdir(), "portolan-helm-"));
  readonly #file = buildTool(helm);
  readonly #environment: NodeJS.ProcessEnv;

  /** `kubeconfig` where it is to reach a cluster. */
  constructor(kubeconfig = "/dev/null") {
    for (const name of ["config", "cache", "data"]) mkdirSync(join(this.folder, name));
    this.#environment = {
      ...{ PATH: process.env.PATH ?? "", HOME: this.folder, KUBECONFIG: kubeconfig },
      ...{ HELM_CONFIG_HOME: join(this.folder, "config"), HELM_CACHE_HOME: join(this.folder, "cache") },
      HELM_DATA_HOME: join(this.folder, "data"),
    };
  }

  run(...parameters: string[]): string {
    const { status, stdout, stderr } = this.try(...parameters);
    if (status !== 0) throw new Error(`helm ${parameters.join(" ")}:\n${stderr}`);
    return stdout;
  }

  try(...parameters: string[]): { status: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(this.#file, parameters, {
      ...{ encoding: "utf8", env: this.#environment, maxBuffer: 2 ** 26 },
    });
    // The dashboards are linked into the chart: helm says so each time.
    return { status, stdout, stderr: stderr.replace(/^.*found symbolic link.*\n/gm, "") };
  }

  /** A file with these values, for `--values`. */
  values(values: object): string {
    const file = join(this.folder, `values-${Math.random()}.json`);
    writeFileSync(file, JSON.stringify(values));
    return file;
  }

  /** What a release called portolan in the namespace portolan is made of, tests included. */
  render(values: object, ...parameters: string[]): Manifest[] {
    const flags = ["--namespace", "portolan", "--values", this.values(values), ...parameters];
    return readManifests(this.run("template", "portolan", chartFolder, ...flags));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => {
      if ("errors" in document && document.errors.length > 0) throw document.errors[0];
      return (document as { toJS(): unknown }).toJS() as Manifest | null;
    })
    .filter((object): object is Manifest => object !== null);
}

export function manifestOf(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name} among ${manifests.map(({ kind }) => kind)}`);
  return found;
}

const withoutNamespace = new Set(["Namespace", "ClusterRole", "ClusterRoleBinding"]);

/** Has the API server judge an object as if it were applied, unknown fields included. Rejects with what it says. */
export async function dryRun(api: ApiServer, manifest: Manifest): Promise<void> {
  const { apiVersion, kind, metadata } = manifest;
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = `${kind.toLowerCase().replace(/y$/, "ie").replace(/ss$/, "sse")}s`;
  const place = withoutNamespace.has(kind) ? "" : `/namespaces/${metadata.namespace ?? "portolan"}`;
  await api.request("POST", `${group}${place}/${plural}?dryRun=All&fieldValidation=Strict`, manifest);
}
