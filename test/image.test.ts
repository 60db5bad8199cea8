import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type Dirent, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readKernelFacts } from "../src/observe/index.ts";
import { Helm, type Manifest, manifestOf, missingForChart } from "./chart.ts";
import { dockerfileCheck, missingTool } from "./go-tools.ts";
import {
  type Container,
  type Dockerfile,
  hasNpm,
  ImageTree,
  project,
  readDockerfile,
  runContainer,
} from "./image-tree.ts";
import { TwoHosts, whyNoNamespaces } from "./namespaces.ts";
import { until } from "./program.ts";

const missing =
  missingTool(dockerfileCheck) ??
  (hasNpm ? undefined : "runtime/node_modules is not there: ./portolan installs it");
const skip = missing ?? false;
/** Containers are made of namespaces here, with what the chart says of them. */
const skipRun =
  missing ??
  missingForChart ??
  (whyNoNamespaces() || (readKernelFacts().hasLibbpf ? false : "libbpf is not installed"));
let dockerfile: Dockerfile;
let image: ImageTree;
let helm: Helm;
let hosts: TwoHosts;
const containers: Container[] = [];

before(() => {
  if (skip) return;
  dockerfile = readDockerfile();
  image = new ImageTree(dockerfile);
  if (skipRun) return;
  helm = new Helm();
  hosts = new TwoHosts();
});
after(async () => {
  for (const { child, ended, folder } of containers) {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
  hosts?.remove();
  helm?.remove();
  image?.remove();
});

test("Docker's own code reads the Dockerfile, and has nothing to say against it", { skip }, () => {
  assert.deepEqual(dockerfile.warnings, []);
  const { stages } = dockerfile;
  assert.deepEqual(
    stages.map(({ name }) => name),
    ["page", "packages", "portolan"],
  );
  assert.ok(stages.at(-1)!.commands.includes("USER 10001:10001"));
  const { dependencies } = JSON.parse(readFileSync(`${project}/runtime/package.json`, "utf8"));
  const text = readFileSync(`${project}/deploy/Dockerfile`, "utf8");
  assert.ok(text.includes(`\nARG NODE_VERSION=${dependencies.node}\n`), "the pinned Node");
});

test("the context is the program, and neither its tests nor anything of the machine", { skip }, () => {
  const { context } = dockerfile;
  for (const file of ["portolan", "src/cli/main.ts", "src/observe/bpf/tcp.bpf.o", "web/index.html"])
    assert.ok(context.includes(file), file);
  assert.deepEqual(
    context.filter((file) =>
      /\.test\.ts|testdata|node_modules|\/dist\/|^(test|bench|deploy|docs)\//.test(file),
    ),
    [],
  );
});

test("the native parts of what it installs are locked for both processors", { skip }, () => {
  const { packages } = JSON.parse(readFileSync(`${project}/package-lock.json`, "utf8")) as {
    packages: Record<string, { readonly version?: string; readonly dev?: boolean }>;
  };
  for (const native of ["@duckdb/node-bindings-linux", "@koromix/koffi-linux"]) {
    for (const processor of ["x64", "arm64"]) {
      const locked = packages[`node_modules/${native}-${processor}`];
      assert.ok(locked?.version !== undefined && locked.dev !== true, `${native}-${processor}`);
    }
  }
});

test("its steps make a program that runs, with the page and without what is for development", {
  skip,
}, () => {
  image.build();
  for (const file of ["web/dist/index.html", "node_modules/fastify/package.json", ".portolan-sealed"])
    assert.ok(readFileSync(join(image.tree, file)) !== undefined, file);
  for (const name of ["vite", "react", "typescript", "playwright-core"])
    assert.throws(() => readFileSync(join(image.tree, "node_modules", name, "package.json")), /ENOENT/, name);
  const files = readdirSync(image.tree, { recursive: true, withFileTypes: true });
  const isCompiled = ({ parentPath }: Dirent) => parentPath.includes("/node_modules/.cache/portolan/");
  const compiled = files.filter(isCompiled);
  assert.ok(compiled.length > 100, `${compiled.length} compiled modules`);
  // It is nobody's in particular who runs it. What Node compiled is for its own user alone, whatever others may read.
  const closed = files.filter(
    (file) =>
      !isCompiled(file) &&
      !file.isSymbolicLink() &&
      (statSync(join(file.parentPath, file.name)).mode & 0o004) === 0,
  );
  assert.deepEqual(closed, []);
  const cache = join(image.tree, "node_modules/.cache/portolan");
  assert.deepEqual(
    readdirSync(cache, { withFileTypes: true })
      .filter((file) => file.isFile())
      .map(({ name }) => name)
      .sort(),
    [".agent-compiled", ".probe-compiled", "probe-main.cjs", "probe-start.cjs", "probe.ready"],
  );
});

test("no image is made whose native parts are not there: to npm they are optional", { skip }, () => {
  const { commands } = dockerfile.stages.find(({ name }) => name === "packages")!;
  const step = commands.at(-1)!;
  const check = `RUN ${step.slice(step.indexOf("node -e"))}`;
  image.repeat("packages", check);
  const processor = process.arch === "arm64" ? "arm64" : "x64";
  for (const native of [`@duckdb/node-bindings-linux-${processor}`, `@koromix/koffi-linux-${processor}`]) {
    const place = join(image.folder, "packages/node_modules", native);
    renameSync(place, `${place}-away`);
    assert.throws(() => image.repeat("packages", check), /Cannot find|native/i, native);
    renameSync(`${place}-away`, place);
  }
});

const [readToken, ingestToken] = ["read-token-of-a-test", "ingest-token-of-a-test"];

/** Asks in a network namespace, with the token for reading; gives status and body, or what went wrong. */
async function askWithin(networkNamespace: string, url: string): Promise<string> {
  const script = `const answer = await fetch("${url}", { headers: { authorization: "Bearer ${readToken}" } });
    process.stdout.write(answer.status + " " + (await answer.text()))`;
  const parameters = [
    `--net=/run/netns/${networkNamespace}`,
    process.execPath,
    "--input-type=module",
    "-e",
    script,
  ];
  return await new Promise((resolve) => {
    execFile("nsenter", parameters, (error, stdout, stderr) => resolve(error === null ? stdout : stderr));
  });
}

function textOf(manifests: readonly Manifest[], name: string, key: string): string {
  return (manifestOf(manifests, "ConfigMap", name).data as Record<string, string>)[key]!;
}

test("the chart's pods, as containers without a runtime: the server as nobody, the agent with its capabilities, and helm test", {
  skip: skipRun,
}, async () => {
  const manifests = helm.render({ auth: { ingestToken, readToken } });
  const serverUrl = `http://${hosts.clientAddress}:8080`;
  const {
    containers: [serverContainer],
  } = podOf(manifestOf(manifests, "StatefulSet", "portolan-server"));
  const server = runContainer({
    ...{
      tree: image.tree,
      networkNamespace: hosts.client,
      user: 10001,
      capabilities: [],
      volume: "/var/lib/portolan",
    },
    files: {
      "portolan.yaml": textOf(manifests, "portolan-server", "portolan.yaml"),
      ...{ "read-token": readToken, "ingest-token": ingestToken },
    },
    environment: { PORTOLAN_REVERSEDNS: "off" },
    command: ["/opt/portolan/portolan", ...serverContainer!.args],
  });
  containers.push(server);
  const ask = (path: string) => askWithin(hosts.client, `http://127.0.0.1:8080${path}`);
  let answer = "";
  await until("the server is ready", async () => {
    assert.equal(server.child.exitCode, null, server.output());
    answer = await ask("/readyz");
    return answer.startsWith("200") || undefined;
  }).catch((error: Error) => assert.fail(`${error.message}: ${answer}\n${server.output()}`));
  assert.match(await ask("/"), /<script/);

  const {
    containers: [agentContainer],
  } = podOf(manifestOf(manifests, "DaemonSet", "portolan-agent"));
  const { add } = agentContainer!.securityContext.capabilities as { add: string[] };
  const agent = runContainer({
    ...{
      tree: image.tree,
      networkNamespace: hosts.server,
      user: 0,
      capabilities: add,
      volume: "/var/lib/portolan/agent",
    },
    files: {
      "portolan.yaml": textOf(manifests, "portolan-agent", "portolan.yaml"),
      "ingest-token": ingestToken,
    },
    command: [
      "/opt/portolan/portolan",
      ...agentContainer!.args.map((text) =>
        text.replace("$(NODE_NAME)", "node-of-a-test").replace("http://portolan:8080", serverUrl),
      ),
    ],
  });
  containers.push(agent);
  const heard = await until("the agent is heard", async () => {
    assert.equal(agent.child.exitCode, null, agent.output());
    const { agents } = JSON.parse((await ask("/api/v1/agents")).slice("200 ".length)) as {
      agents: RemoteAgent[];
    };
    return agents.find(({ node, parts }) => node === "node-of-a-test" && parts.length > 0);
  });
  // Where no rule of the machine translates there is nothing to watch; that it may not is another matter.
  const isIdle = (reason: string) => reason.startsWith("nothing on this machine uses connection tracking");
  const off = heard.parts.filter(({ isOn, reason }) => !isOn && !isIdle(reason));
  assert.deepEqual(off, [], agent.output());

  const pod = podOf({ ...manifestOf(manifests, "Pod", "portolan-test-link") });
  const link = async (environment: Record<string, string>) => {
    const given = Object.fromEntries(
      pod.containers[0]!.env!.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
    );
    const container = runContainer({
      ...{
        tree: image.tree,
        networkNamespace: hosts.server,
        user: 10001,
        capabilities: [],
        volume: "/var/empty",
      },
      files: {
        "link-test.mjs": textOf(manifests, "portolan-test-link", "link-test.mjs"),
        "read-token": readToken,
      },
      environment: { ...given, SERVER: serverUrl, POD_IP: hosts.serverAddress, ...environment },
      command: pod.containers[0]!.command!,
    });
    containers.push(container);
    return { code: await container.ended, output: container.output() };
  };
  const seen = await link({});
  assert.deepEqual([seen.code, seen.output.match(/the map has it/)?.[0]], [0, "the map has it"], seen.output);
  const exported = await link({ SEEN_BY: "exporter", FLOWS: `${hosts.clientAddress}:2055` });
  assert.equal(exported.code, 0, exported.output);
  assert.match(exported.output, /203\.0\.113\.77/);
  const none = await link({ POD_IP: "192.0.2.1", TIMEOUT_SECONDS: "3" });
  assert.equal(none.code, 1);
  assert.match(none.output, /the map has no link of this pod\nlook at the log of the agent/);

  agent.child.kill("SIGTERM");
  server.child.kill("SIGTERM");
  assert.deepEqual([await agent.ended, await server.ended], [0, 0], `${agent.output()}\n${server.output()}`);
});

interface RemoteAgent {
  readonly node: string;
  readonly parts: readonly { readonly name: string; readonly isOn: boolean; readonly reason: string }[];
}

interface PodSpec {
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly command?: readonly string[];
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
    readonly securityContext: Record<string, unknown>;
  }[];
}

function podOf({ kind, spec }: Manifest): PodSpec {
  return (kind === "Pod" ? spec : (spec as { template: { spec: PodSpec } }).template.spec) as PodSpec;
}
