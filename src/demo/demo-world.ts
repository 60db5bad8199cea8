import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ActorPlan } from "./actor.ts";
import { enterControlGroup, findControlGroups } from "./control-groups.ts";
import type { PlannedWorld } from "./plan.ts";
import { removeDemoWorld } from "./remove.ts";
import { DemoError, run } from "./run.ts";
import { wire } from "./wiring.ts";
import { prefix } from "./world.ts";

export interface DemoWorldDependencies {
  /** Told when a process of the world ends by itself. */
  log(message: string): void;
}

/** Only for who holds the demo (`holdDemo`). */
export interface DemoWorld {
  /** Builds the world, once what an earlier one left is gone. Everybody listens when it resolves, and is silent. */
  start(): Promise<void>;
  /** Lets everybody talk. */
  talk(): void;
  /** Ends and removes everything. */
  stop(): Promise<void>;
  /** A folder that goes with the world. */
  makeFolder(): string;
  /** What the pods' runtime leaves on disk is under this folder, as it would be under a machine's root; known once started. */
  readonly runtimeRoot: string;
}

const [actorFile, removeFile] = ["actor.ts", "remove.ts"].map((name) =>
  fileURLToPath(new URL(`./${name}`, import.meta.url)),
) as [string, string];
/** Small heaps and few threads: there are many of them. */
const nodeOptions = ["--max-old-space-size=32", "--max-semi-space-size=1", "--v8-pool-size=0"];

/** What this machine lacks for the world, in words, or undefined when nothing known does. */
export function whyNoDemoWorld(): { reason: string; remedy: string } | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    return {
      reason: "the demo makes network namespaces, which needs root on Linux",
      remedy: "sudo ./portolan demo",
    };
  }
  for (const [command, debianPackage] of [
    ["ip", "iproute2"],
    ["tc", "iproute2"],
    ["nft", "nftables"],
    ["nsenter", "util-linux"],
  ] as const) {
    if (spawnSync(command, ["-V"]).error !== undefined) {
      return {
        reason: `the command ${command} is not installed`,
        remedy: `apt-get install ${debianPackage}`,
      };
    }
  }
  if (findControlGroups() === undefined) {
    return {
      reason: "cgroup v2 is not mounted, or only to read",
      remedy: "mount -t cgroup2 none /sys/fs/cgroup/unified; in a container, start it privileged",
    };
  }
  const probe = spawnSync("unshare", ["--net", "ip", "link", "add", "probe", "type", "veth"], {
    encoding: "utf8",
  });
  if (probe.status !== 0) {
    return {
      reason: `a network namespace with a veth pair cannot be made here (${probe.stderr.trim()})`,
      remedy: "run it on a machine of its own, or in a privileged container",
    };
  }
  return undefined;
}

export function createDemoWorld(world: PlannedWorld, { log }: DemoWorldDependencies): DemoWorld {
  const actors: ChildProcess[] = [];
  const controlGroups = findControlGroups() ?? "";
  let environment: NodeJS.ProcessEnv = {};
  let guard: ChildProcess | undefined;
  let runtimeRoot = "";
  let isStopping = false;

  async function connect(): Promise<void> {
    const { links, scripts } = wire(world);
    await run(["ip", "-batch", "-"], `${links.join("\n")}\n`);
    await Promise.all(scripts.map(({ namespace, script }) => run([...inside(namespace), "sh"], script)));
  }

  /**
   * Node strips the actor's types once for all, rather than in each: that would take 15 MB and 40 ms of every one of them.
   * Its standard input is at its end, so that the actor ends at once, and leaves what it compiled.
   */
  async function compileActor(): Promise<void> {
    environment = { PATH: process.env.PATH, NODE_COMPILE_CACHE: makeFolder() };
    await run([process.execPath, actorFile], "", environment);
  }

  /** Resolves when it listens. */
  async function startActor(namespace: string, group: string, plan: ActorPlan): Promise<void> {
    const [command = "", ...parameters] = [...inside(namespace), process.execPath, ...nodeOptions, actorFile];
    // A session of its own: Ctrl-C is for us, who end it in order.
    const actor = spawn(command, parameters, {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
      env: environment,
    });
    actors.push(actor);
    const failed = once(actor, "exit").then(
      ([code, signal]) => `${plan.title} of the demo ended: ${code ?? signal}`,
    );
    failed.then((complaint) => isStopping || log(complaint));
    actor.stdin.on("error", () => {}); // it has ended, which is told above
    enterControlGroup(controlGroups, group, actor.pid!);
    actor.stdin.write(`${JSON.stringify(plan)}\n`);
    const ready = once(createInterface({ input: actor.stdout }), "line").then(() => undefined);
    const complaint = await Promise.race([ready, failed]);
    if (complaint !== undefined) throw new DemoError(complaint);
  }

  /** The pods' containers as containerd writes them down: names of containers are read there. */
  function writeRuntimeFiles(): void {
    runtimeRoot = makeFolder();
    for (const { name, kubernetesNamespace, containerId, actor } of world.pods) {
      const folder = join(runtimeRoot, "run/containerd/io.containerd.runtime.v2.task/k8s.io", containerId);
      mkdirSync(folder, { recursive: true });
      const annotations = {
        "io.kubernetes.cri.container-name": actor.title,
        "io.kubernetes.cri.sandbox-name": name,
        "io.kubernetes.cri.sandbox-namespace": kubernetesNamespace,
      };
      writeFileSync(join(folder, "config.json"), JSON.stringify({ ociVersion: "1.1.0", annotations }));
    }
  }

  /** A shell that waits for our end, and then cleans up unless we said that it is done. */
  function startGuard(): void {
    const script = 'read done || exec "$0" "$1"';
    guard = spawn("/bin/sh", ["-c", script, process.execPath, removeFile], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    guard.stdin!.on("error", () => {});
    guard.unref();
  }

  return {
    async start() {
      await removeDemoWorld();
      startGuard();
      writeRuntimeFiles();
      await Promise.all([connect(), compileActor()]);
      const { outside, pods } = world;
      await Promise.all([
        startActor(outside.namespace, "outside", outside.actor),
        ...pods.map(({ namespace, controlGroup, actor }) => startActor(namespace, controlGroup, actor)),
      ]);
    },
    talk() {
      for (const actor of actors) actor.stdin!.write("go\n");
    },
    async stop() {
      isStopping = true;
      const ended = actors
        .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
        .map((actor) => once(actor, "exit"));
      for (const actor of actors) actor.kill("SIGKILL");
      await Promise.all(ended);
      await removeDemoWorld();
      guard?.stdin?.end("done\n");
    },
    makeFolder,
    get runtimeRoot() {
      return runtimeRoot;
    },
  };
}

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), `${prefix}-`));
}

function inside(namespace: string): string[] {
  return ["nsenter", `--net=/run/netns/${namespace}`];
}
