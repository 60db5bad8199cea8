/**
 * Programs of others that the tests run, built from their Go modules: once, kept in ~/.cache/portolan-test. `node test/go-tools.ts` builds those
 * that are missing, and says how long each took; what cannot be built is said, and the tests that need it are skipped with the reason.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface GoTool {
  readonly name: string;
  /** Of the program; its module's is this with a v. */
  readonly version: string;
  readonly module: string;
  /** Of its `main`; or the text of one that is ours. */
  readonly main: { readonly package: string } | { readonly source: URL };
  readonly goVersion?: string;
  readonly linkerFlags?: string;
  /** Further lines of the go.mod, from the module's own. */
  readonly goMod?: (tool: GoTool, ownGoMod: string) => string;
}

const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "portolan-test");
/** A proxy that is out of reach for a moment is asked again. */
const triesMax = 5;

export const kubeApiServer: GoTool = {
  name: "kube-apiserver",
  version: "1.35.4",
  module: "k8s.io/kubernetes",
  main: { package: "k8s.io/kubernetes/cmd/kube-apiserver" },
  goVersion: "1.25.0",
  linkerFlags: ["gitVersion=v1.35.4", "gitMajor=1", "gitMinor=35"]
    .map((flag) => `-X k8s.io/component-base/version.${flag}`)
    .join(" "),
  // In Kubernetes' own tree these are folders of it.
  goMod: ({ version }, ownGoMod) =>
    [...ownGoMod.matchAll(/^\t(k8s\.io\/[a-z-]+) v0\.0\.0$/gm)]
      .map(([, name]) => `require ${name} v0.${version.slice(2)}\n`)
      .join(""),
};

export const helm: GoTool = {
  name: "helm",
  version: "4.3.1",
  module: "helm.sh/helm/v4",
  main: { package: "helm.sh/helm/v4/cmd/helm" },
};

/** Reads Terraform's language and checks against providers' schemas; newer releases of Terraform itself are no Go modules that can be built. */
export const tofu: GoTool = {
  name: "tofu",
  version: "1.12.6",
  module: "github.com/opentofu/opentofu",
  main: { package: "github.com/opentofu/opentofu/cmd/tofu" },
  goMod: replacements,
};

/** The newest of Terraform's providers that can be had as Go modules: later ones have versions their paths do not tell. */
export const helmProvider: GoTool = {
  name: "terraform-provider-helm",
  version: "1.3.2",
  module: "github.com/hashicorp/terraform-provider-helm",
  main: { package: "github.com/hashicorp/terraform-provider-helm" },
  goMod: olderReplacements,
};
export const kubernetesProvider: GoTool = {
  name: "terraform-provider-kubernetes",
  version: "1.13.4",
  module: "github.com/hashicorp/terraform-provider-kubernetes",
  main: { package: "github.com/hashicorp/terraform-provider-kubernetes" },
  goMod: olderReplacements,
};

/** Docker's own parser and linter of Dockerfiles. */
export const dockerfileCheck: GoTool = {
  name: "dockerfile-check",
  version: "0.34.2",
  module: "github.com/moby/buildkit",
  main: { source: new URL("go/dockerfile-check.go", import.meta.url) },
};

/** Docker Compose's own loader, with its schema. */
export const composeCheck: GoTool = {
  name: "compose-check",
  version: "2.16.2",
  module: "github.com/compose-spec/compose-go/v2",
  main: { source: new URL("go/compose-check.go", import.meta.url) },
};

const allTools = [kubeApiServer, helm, tofu, helmProvider, kubernetesProvider, dockerfileCheck, composeCheck];

function folderOf({ name, version }: GoTool): string {
  return join(cacheFolder, `${name}-${version}`);
}

/** Where a tool is, built or not. */
export function toolFile(tool: GoTool): string {
  return join(folderOf(tool), tool.name);
}

/** Why a tool is not to be had here; undefined when it is, or can be built. */
export function missingTool(tool: GoTool): string | undefined {
  if (existsSync(toolFile(tool)) || findProgram("go") !== undefined) return undefined;
  return `neither ${toolFile(tool)} nor go is there to build it`;
}

export function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? "")
    .split(":")
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

/** A module's own replacements: they count in its own tree alone, and are said again. Those by a folder of the tree are not to be had. */
function replacements(_tool: GoTool, ownGoMod: string): string {
  return [...ownGoMod.matchAll(/^(?:replace|\t) ?(\S+(?: v\S+)? => \S+ v\S+)/gm)]
    .map(([, replacement]) => `replace ${replacement}\n`)
    .join("");
}

/** Of the time when the whole graph of modules was read: one is gone that nothing of ours needs, and one was split. */
function olderReplacements(tool: GoTool, ownGoMod: string): string {
  const gone = "vbom.ml/util";
  mkdirSync(join(folderOf(tool), "module/gone"), { recursive: true });
  writeFileSync(join(folderOf(tool), "module/gone/go.mod"), `module ${gone}\n`);
  const split = "require github.com/Azure/go-autorest v14.2.0+incompatible\n";
  const own = replacements(tool, ownGoMod)
    .split("\n")
    .filter((line) => !line.includes("go-autorest"));
  return `${own.join("\n")}\n${split}replace ${gone} => ./gone\n`;
}

/** Builds a tool unless it is there, by a module of our own that imports its command. */
export function buildTool(tool: GoTool): string {
  const file = toolFile(tool);
  if (existsSync(file)) return file;
  const folder = join(folderOf(tool), "module");
  mkdirSync(folder, { recursive: true });
  const go = (...parameters: string[]) =>
    execFileSync("nice", ["go", ...parameters], {
      cwd: folder,
      env: { ...process.env, GOFLAGS: "-mod=mod" },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 2 ** 26,
    });
  const { module, main, version, goVersion = "1.26.0", linkerFlags = "", goMod } = tool;
  const head = `module portolan-test-${tool.name}\n\ngo ${goVersion}\n\nrequire ${module} v${version}\n`;
  retry(() => {
    writeFileSync(join(folder, "go.mod"), head);
    if (goMod !== undefined) {
      const downloaded = go("mod", "download", "-json", `${module}@v${version}`);
      const { GoMod } = JSON.parse(downloaded) as { GoMod: string };
      writeFileSync(join(folder, "go.mod"), `${head}${goMod(tool, readFileSync(GoMod, "utf8"))}`);
    }
    let target = ".";
    if ("source" in main) writeFileSync(join(folder, "main.go"), readFileSync(main.source));
    else {
      target = main.package;
      writeFileSync(join(folder, "tools.go"), `//go:build tools\n\npackage tools\n\nimport _ "${target}"\n`);
    }
    // One package at a time: two linkers at once take more memory than a small machine has.
    const flags = ["-p", "1", "-ldflags", `-s -w ${linkerFlags}`];
    if (target === ".") go("mod", "tidy");
    go("build", ...flags, "-o", `${file}.partial`, target);
  });
  renameSync(`${file}.partial`, file);
  return file;
}

/** The folder of a module's files, for what is no program. */
export function moduleFolder(module: string, version: string): string {
  let folder = "";
  retry(() => {
    const text = execFileSync("go", ["mod", "download", "-json", `${module}@v${version}`], {
      encoding: "utf8",
      cwd: cacheFolder,
      env: { ...process.env, GOFLAGS: "-mod=mod" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    folder = (JSON.parse(text) as { Dir: string }).Dir;
  });
  return folder;
}

function retry(work: () => void): void {
  for (let tries = 1; ; tries++) {
    try {
      work();
      return;
    } catch (error) {
      const text = `${(error as { stderr?: string }).stderr ?? error}`;
      if (tries >= triesMax || !/EOF|timeout|connection (refused|reset)|TLS/.test(text)) throw error;
    }
  }
}

/** Those that are missing, one after the other. */
function buildAll(): void {
  mkdirSync(cacheFolder, { recursive: true });
  for (const tool of allTools) {
    const missing = missingTool(tool);
    if (missing !== undefined) console.log(`${tool.name} ${tool.version}: not built: ${missing}`);
    if (missing !== undefined || existsSync(toolFile(tool))) continue;
    const start = performance.now();
    try {
      buildTool(tool);
      console.log(
        `${tool.name} ${tool.version}: built in ${Math.round((performance.now() - start) / 1000)} s`,
      );
    } catch (error) {
      const text = `${(error as { stderr?: string }).stderr ?? error}`.trim();
      console.log(`${tool.name} ${tool.version}: not built:\n${text.slice(-1000)}`);
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) buildAll();
