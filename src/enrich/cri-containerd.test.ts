import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { connectGrpc } from "./cri-call.ts";
import { createCriRuntime } from "./cri-runtime.ts";

const version = spawnSync("containerd", ["--version"], { encoding: "utf8" });
const skip =
  version.status !== 0
    ? "containerd is not installed"
    : process.geteuid?.() !== 0
      ? "containerd needs root"
      : false;

/** A containerd of the test's own, with nothing in it. */
async function startContainerd(t: TestContext, settings = ""): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "portolan-containerd-"));
  const socketPath = join(folder, "containerd.sock");
  const config = [
    "version = 2",
    `root = "${folder}/root"`,
    `state = "${folder}/state"`,
    settings,
    "[grpc]",
    `  address = "${socketPath}"`,
    '[plugins."io.containerd.grpc.v1.cri"]',
    '  stream_server_address = "127.0.0.1"',
    '  stream_server_port = "0"',
    '[plugins."io.containerd.grpc.v1.cri".cni]',
    `  conf_dir = "${folder}/cni"`,
  ];
  mkdirSync(join(folder, "cni"));
  writeFileSync(join(folder, "config.toml"), `${config.join("\n")}\n`);
  const containerd = spawn("containerd", ["--config", join(folder, "config.toml")], { stdio: "ignore" });
  t.after(async () => {
    const ended = once(containerd, "exit");
    containerd.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  for (let tries = 0; tries < 3000 && !existsSync(socketPath); tries++) await rest(10);
  return socketPath;
}

test("a real containerd tells its version and its lists", { skip }, async (t) => {
  const socketPath = await startContainerd(t);
  const names = new Map<string, string>();
  const runtime = createCriRuntime({
    onName: (id, name) => void names.set(id, name),
    log: () => {},
    socketPath,
    retryMilliseconds: 20,
  });
  t.after(() => runtime.stop());
  runtime.start();
  for (let tries = 0; tries < 3000 && runtime.status().state !== "on"; tries++) await rest(10);
  const { reason } = runtime.status();
  assert.match(reason, /^containerd \S+ answers on \S+$/);
  assert.ok(version.stdout.includes(reason.split(" ")[1]!), `${version.stdout} is ${reason}`);
  assert.equal(names.size, 0);
  const connection = connectGrpc(socketPath, { answerMilliseconds: 10_000 });
  t.after(() => connection.close());
  await assert.rejects(connection.call("/runtime.v0.RuntimeService/Version", new Uint8Array()), {
    status: 12,
  });
});

test("a real containerd without CRI says so", { skip }, async (t) => {
  const socketPath = await startContainerd(t, 'disabled_plugins = ["io.containerd.grpc.v1.cri"]');
  const runtime = createCriRuntime({ onName: () => {}, log: () => {}, socketPath, retryMilliseconds: 20 });
  t.after(() => runtime.stop());
  runtime.start();
  const expected = `${socketPath} answers, but not as a runtime for Kubernetes (CRI)`;
  for (let tries = 0; tries < 1000 && runtime.status().reason !== expected; tries++) await rest(10);
  assert.equal(runtime.status().reason, expected);
});
