import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { readConfig } from "../src/settings/index.ts";
import {
  buildTool,
  composeCheck,
  findProgram,
  type GoTool,
  helmProvider,
  kubernetesProvider,
  missingTool,
  tofu,
  toolFile,
} from "./go-tools.ts";
import { temporaryFolder } from "./program.ts";
import { loadTerraformSchemas } from "./terraform-schemas.ts";

const project = fileURLToPath(new URL("..", import.meta.url));
const deploy = join(project, "deploy");

function missingProgram(name: string, from: string): string | false {
  return findProgram(name) === undefined ? `${name} is not installed (${from})` : false;
}

/** Builds it; why it cannot be had otherwise, which the test run says. */
function whyNot(tool: GoTool): string | undefined {
  const missing = missingTool(tool);
  if (missing !== undefined) return missing;
  try {
    buildTool(tool);
    return undefined;
  } catch (error) {
    return `${tool.name} ${tool.version} cannot be built: ${`${(error as { stderr?: string }).stderr ?? error}`.slice(-300)}`;
  }
}

test("the Compose file is one: its schema, what it mounts is there, and Portolan takes its configuration", {
  skip: whyNot(composeCheck) ?? false,
}, () => {
  const folder = join(deploy, "compose");
  const text = execFileSync(toolFile(composeCheck), [join(folder, "compose.yaml")], { encoding: "utf8" });
  const { services } = JSON.parse(text) as { services: Record<string, ComposeService> };
  assert.deepEqual(Object.keys(services).sort(), ["agent", "grafana", "prometheus", "server"]);
  for (const { volumes = [] } of Object.values(services)) {
    for (const { type, source } of volumes)
      if (type === "bind" && source.startsWith(project)) assert.ok(readFileOrFolder(source), source);
  }
  const values = parse(readFileSync(join(deploy, "helm/portolan/values.yaml"), "utf8"));
  assert.deepEqual(services.agent!.cap_add, values.agent.capabilities);
  assert.deepEqual(services.server!.ports![0], {
    ...{ mode: "ingress", host_ip: "127.0.0.1", target: 8080, published: "8080", protocol: "tcp" },
  });
  const { auth } = readConfig({ file: join(folder, "portolan.yaml"), environment: {}, flags: {} });
  assert.equal(auth, "none");
});

test("a Compose file with a mistake is refused", { skip: whyNot(composeCheck) ?? false }, (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "compose.yaml"), "services: {server: {image: x, prots: []}}\n");
  const { status, stderr } = spawnSync(toolFile(composeCheck), [join(folder, "compose.yaml")], {
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /prots/);
});

test("promtool takes the scrape jobs; they are the two of the plan, and the agents", {
  skip: missingProgram("promtool", "Debian: prometheus"),
}, () => {
  for (const file of ["prometheus/scrape.yaml", "compose/prometheus.yaml"]) {
    const { status, stderr, stdout } = spawnSync(
      "promtool",
      ["check", "config", "--syntax-only", join(deploy, file)],
      {
        encoding: "utf8",
      },
    );
    assert.equal(status, 0, stdout + stderr);
  }
  const { scrape_configs: jobs } = parse(readFileSync(join(deploy, "prometheus/scrape.yaml"), "utf8"));
  assert.deepEqual(
    jobs.map(({ job_name: name }: { job_name: string }) => name),
    ["caretta", "goflow2", "portolan-agents"],
  );
});

test("systemd takes the units, and they confine what they start", {
  skip: missingProgram("systemd-analyze", "Debian: systemd"),
}, (t) => {
  const folder = temporaryFolder(t);
  const values = parse(readFileSync(join(deploy, "helm/portolan/values.yaml"), "utf8"));
  for (const name of readdirSync(join(deploy, "systemd"))) {
    const text = readFileSync(join(deploy, "systemd", name), "utf8");
    // In place of /opt, where the documents put it, this checkout: systemd looks whether the program is there.
    writeFileSync(join(folder, name), text.replaceAll("/opt/portolan/", project));
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, name)], {
      encoding: "utf8",
    });
    const about = stderr.split("\n").filter((line) => line.includes(name));
    assert.deepEqual([status, about], [0, []], stderr);
    // systemd gives up after five starts in ten seconds (systemd.unit(5), StartLimitBurst).
    const pause = Number(/^RestartSec=(\d+)$/m.exec(text)?.[1]);
    assert.ok(pause >= 2, `${name} waits ${pause} s before it starts again`);
    if (name !== "portolan-agent.service") continue;
    const bounding = /^CapabilityBoundingSet=(.*)$/m.exec(text)![1]!.split(" ");
    assert.deepEqual(
      bounding,
      values.agent.capabilities.map((capability: string) => `CAP_${capability}`),
    );
  }
});

const withoutTofu = whyNot(tofu) ?? whyNot(helmProvider) ?? whyNot(kubernetesProvider) ?? false;

/**
 * Terraform's own validation of references, types and modules, with the newest providers that Go modules give: their registry is not asked. Those are older than what the modules
 * want, and differ in three ways: resources have no `_v1` in their names; a container's requests and limits, and the Helm provider's cluster, are blocks. What today's providers take is
 * the next test's question.
 */
test("Terraform's modules and the example's stacks are valid, by the providers' schemas", {
  skip: withoutTofu,
}, (t) => {
  const folder = temporaryFolder(t);
  const copy = join(folder, "deploy/terraform");
  cpSync(join(deploy, "terraform"), copy, { recursive: true });
  for (const file of filesOf(copy)) {
    const text = readFileSync(file, "utf8").replace(/\b(kubernetes_[a-z]+)_v1\b/g, "$1");
    writeFileSync(
      file,
      text.replace(/\b(requests|limits) = \{\n|\bkubernetes = \{ config/g, (found) =>
        found.replace("= ", ""),
      ),
    );
  }
  const [helmFolder, kubernetesFolder] = [helmProvider, kubernetesProvider].map((tool) =>
    dirname(toolFile(tool)),
  );
  const configuration = join(folder, "tofurc");
  writeFileSync(
    configuration,
    `provider_installation {
      dev_overrides {
        "hashicorp/helm" = "${helmFolder}"
        "hashicorp/kubernetes" = "${kubernetesFolder}"
      }
      direct {}
    }`,
  );
  const run = (place: string, ...parameters: string[]) =>
    spawnSync(toolFile(tofu), [`-chdir=${place}`, ...parameters], {
      encoding: "utf8",
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        TF_CLI_CONFIG_FILE: configuration,
        CHECKPOINT_DISABLE: "1",
      },
    });
  const formatted = run(join(deploy, "terraform"), "fmt", "-recursive", "-check", "-diff");
  assert.equal(formatted.status, 0, formatted.stdout);
  const places = [
    "modules/portolan",
    "modules/collector",
    "example/stacks/platform",
    "example/stacks/portolan",
    "example/stacks/goflow2",
  ];
  for (const place of places) {
    run(join(copy, place), "get");
    const { status, stdout, stderr } = run(join(copy, place), "validate", "-json");
    const { valid, diagnostics } = JSON.parse(stdout) as {
      valid: boolean;
      diagnostics: { severity: string }[];
    };
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    assert.deepEqual([status, valid, errors], [0, true, []], `${place}: ${stderr}`);
  }
  // Terragrunt is no Go module that can be had: of its files the syntax alone is checked.
  t.diagnostic("not run: terragrunt; its files are checked for their syntax");
  const stacks = join(folder, "terragrunt");
  mkdirSync(stacks);
  const files = [
    "root.hcl",
    ...["platform", "portolan", "goflow2"].map((name) => `stacks/${name}/terragrunt.hcl`),
  ];
  for (const [index, file] of files.entries())
    cpSync(join(deploy, "terraform/example", file), join(stacks, `${index}.tf`));
  const parsed = run(stacks, "fmt", "-check", "-diff");
  assert.equal(parsed.status, 0, parsed.stdout + parsed.stderr);

  const wrong = join(folder, "wrong");
  mkdirSync(wrong);
  const stack =
    'module "collector" {\n  source = "../deploy/terraform/modules/collector"\n  image = "x"\n  nodeport = 1\n}\n';
  writeFileSync(join(wrong, "main.tf"), stack);
  run(wrong, "get");
  assert.match(run(wrong, "validate", "-json").stdout, /argument named \\"nodeport\\" is not expected/);
  const module = join(copy, "modules/collector/main.tf");
  writeFileSync(module, readFileSync(module, "utf8").replace("target_port", "targetport"));
  assert.match(run(dirname(module), "validate", "-json").stdout, /targetport.+is not expected/);
});

test("every resource, data source and provider is as the schemas of today's providers want it", async (t) => {
  const schemas = loadTerraformSchemas();
  if (typeof schemas === "string") return t.skip(schemas);
  const files = filesOf(join(deploy, "terraform"));
  assert.ok(files.length >= 9, files.join());
  for (const file of files) assert.deepEqual(await schemas.check(file, readFileSync(file, "utf8")), [], file);

  const collector = readFileSync(join(deploy, "terraform/modules/collector/main.tf"), "utf8");
  const stack = readFileSync(join(deploy, "terraform/example/stacks/portolan/main.tf"), "utf8");
  const mistakes: readonly [string, string, string, RegExp][] = [
    [collector, "target_port ", "targetport ", /spec\.port: nothing is called targetport/],
    [collector, "requests = {", "requests {", /resources: requests is no block/],
    [collector, "capabilities {", "capabilities = {", /security_context: capabilities is a block/],
    [collector, "kubernetes_service_v1", "kubernetes_service_v9", /no such resource/],
    [collector, "match_labels", "matchLabels", /selector: nothing is called matchLabels/],
    [collector, "port        = 2055", "", /spec\.port: port is missing/],
    [
      stack,
      "kubernetes = { config_path",
      "kubernetes = { configpath",
      /helm.kubernetes: nothing is called configpath/,
    ],
  ];
  for (const [text, from, to, expected] of mistakes) {
    assert.ok(text.includes(from), from);
    assert.match((await schemas.check("main.tf", text.replace(from, to))).join("\n"), expected);
  }
});

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".tf"))
    .map((entry) => join(entry.parentPath, entry.name));
}

function readFileOrFolder(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch {
    return readFileSync(path, "utf8") !== "";
  }
}

interface ComposeService {
  readonly volumes?: readonly { readonly type: string; readonly source: string }[];
  readonly cap_add?: readonly string[];
  readonly ports?: readonly object[];
}
