import assert from "node:assert/strict";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import type { ServerHttp2Stream } from "node:http2";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { createCriRuntime } from "./cri-runtime.ts";
import { PretendCri } from "./pretend-cri.ts";
import { container, listOf, readRecorded, sandbox } from "./testdata/protobuf.ts";

const id = (digit: string) => digit.repeat(64);
const v1 = "/runtime.v1.RuntimeService";
const round = [`${v1}/Version`, `${v1}/ListContainers`, `${v1}/ListPodSandbox`];

async function createWatch(
  t: TestContext,
  { isUp = true, retryMilliseconds = 5, answerMilliseconds = 10_000 } = {},
) {
  const pretend = new PretendCri();
  if (isUp) await pretend.start();
  const names = new Map<string, string>();
  const said: string[] = [];
  const runtime = createCriRuntime({
    onName: (containerId, name) => void names.set(containerId, name),
    log: (message) => void said.push(message),
    socketPath: pretend.socketPath,
    retryMilliseconds,
    answerMilliseconds,
  });
  t.after(async () => {
    runtime.stop();
    await pretend.remove();
  });
  const isOn = () => runtime.status().state === "on";
  return { pretend, runtime, names, said, isOn };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 2000, `waited in vain until ${what}`);
    await rest(5);
  }
}

/** A pod `shop/web` with one container. */
function setPod({ answers }: PretendCri, digit = "a"): void {
  answers.set("ListContainers", listOf(container({ id: id(digit), sandboxId: id("f"), name: "nginx" })));
  answers.set("ListPodSandbox", listOf(sandbox(id("f"), "shop", "web-7f8")));
}

test("containers and sandboxes of a real containerd 1.6.20 have their names", async (t) => {
  const { pretend, runtime, names, said, isOn } = await createWatch(t);
  pretend.answers = new Map(readRecorded("containerd-1.6.20-two-pods").answers);
  runtime.start();
  await until("the lists are read", isOn);
  assert.deepEqual([...names.values()].sort(), [
    "bare/solo",
    "bare/solo/one",
    "shop/web-7f8",
    "shop/web-7f8/nginx",
    "shop/web-7f8/sidecar",
  ]);
  assert.equal(
    names.get("e5e79fb893010804c588402e5d4d2d760e93224d88619e1b24b88467e1bfe55c"),
    "shop/web-7f8/nginx",
  );
  assert.deepEqual(runtime.status(), {
    name: "CRI",
    state: "on",
    reason: `containerd 1.6.20~ds1 answers on ${pretend.socketPath}`,
    isAsked: true,
    isAbsent: false,
  });
  assert.deepEqual(said, []);
});

test("it only asks for version and lists, one after the other", async (t) => {
  const { pretend, runtime, isOn } = await createWatch(t, { retryMilliseconds: 1000 });
  runtime.start();
  await until("the lists are read", isOn);
  assert.deepEqual(pretend.asked, round);
  assert.equal(pretend.callCountMax, 1);
  await until("the connection is closed", () => pretend.sessionCount === 0);
});

test("a runtime that has v1alpha2 only is asked in its own words", async (t) => {
  const { pretend, runtime, names, isOn } = await createWatch(t, { retryMilliseconds: 1000 });
  pretend.services = ["runtime.v1alpha2.RuntimeService"];
  setPod(pretend);
  runtime.start();
  await until("the lists are read", isOn);
  assert.equal(names.get(id("a")), "shop/web-7f8/nginx");
  const older = round.map((path) => path.replace("v1", "v1alpha2"));
  assert.deepEqual(pretend.asked, [round[0], ...older]);
});

test("a container whose sandbox is not listed has the name of the kubelet's labels, or none", async (t) => {
  const { pretend, runtime, names, isOn } = await createWatch(t);
  const labels = {
    "io.kubernetes.container.name": "nginx",
    "io.kubernetes.pod.name": "web-7f8",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "1",
  };
  pretend.answers.set(
    "ListContainers",
    listOf(
      container({ id: id("a"), sandboxId: id("e"), name: "nginx", labels }),
      container({ id: id("b"), sandboxId: id("e"), name: "db" }),
    ),
  );
  runtime.start();
  await until("the lists are read", isOn);
  assert.deepEqual([...names], [[id("a"), "shop/web-7f8/nginx"]]);
});

test("names that somebody chose to confuse are cleaned", async (t) => {
  const { pretend, runtime, names, isOn } = await createWatch(t);
  pretend.answers.set("ListPodSandbox", listOf(sandbox(id("f"), "shop", "web\u202e\u001b[2J")));
  runtime.start();
  await until("the lists are read", isOn);
  assert.deepEqual([...names], [[id("f"), "shop/web[2J"]]);
});

test("asked for a container it has not told, it lists again, but not more often than it may", async (t) => {
  const { pretend, runtime, names, isOn } = await createWatch(t, { retryMilliseconds: 200 });
  setPod(pretend);
  runtime.start();
  await until("the lists are read", isOn);
  await until("it rests", () => pretend.sessionCount === 0);
  setPod(pretend, "b");
  for (let times = 0; times < 1000; times++) runtime.ask();
  assert.equal(pretend.asked.length, 3, "not at once");
  await until("it has listed again", () => names.has(id("b")));
  assert.equal(pretend.asked.length, 6, "once");
  assert.equal(pretend.callCountMax, 1);
});

test("a container that is asked for while it lists is listed next", async (t) => {
  const { pretend, runtime, names } = await createWatch(t, { retryMilliseconds: 20 });
  let held: ServerHttp2Stream | undefined;
  pretend.instead = (path, stream) => {
    if (!path.endsWith("/ListPodSandbox")) return false;
    held = stream;
    return true;
  };
  runtime.start();
  await until("the last question is put", () => held !== undefined);
  for (let times = 0; times < 100; times++) runtime.ask();
  assert.equal(pretend.callCountMax, 1);
  pretend.instead = undefined;
  setPod(pretend);
  pretend.refuse(held!, 2, "busy");
  await until("it has listed again", () => names.has(id("a")));
  assert.equal(pretend.callCountMax, 1);
});

test("nobody asks: it lists again after a while all the same", async (t) => {
  const { pretend, runtime, names, isOn } = await createWatch(t, { retryMilliseconds: 2 });
  runtime.start();
  await until("the lists are read", isOn);
  setPod(pretend);
  await until("it has listed again", () => names.has(id("a")));
});

test("a machine without one is told so when asked, not complained of, and found when it comes", async (t) => {
  const { pretend, runtime, names, said } = await createWatch(t, { isUp: false });
  runtime.start();
  await until("it has tried", () => runtime.status().isAsked);
  const { state, reason, isAbsent } = runtime.status();
  assert.deepEqual([state, reason, isAbsent], ["off", `there is no ${pretend.socketPath}`, true]);
  setPod(pretend);
  await pretend.start();
  for (let tries = 0; tries < 2000 && !names.has(id("a")); tries++) {
    runtime.ask();
    await rest(5);
  }
  assert.equal(names.get(id("a")), "shop/web-7f8/nginx");
  assert.deepEqual(said, []);
});

test("one that goes away is said once, and found again", async (t) => {
  const { pretend, runtime, names, said, isOn } = await createWatch(t);
  runtime.start();
  await until("the lists are read", isOn);
  await pretend.stop();
  writeFileSync(pretend.socketPath, ""); // nobody listens on it any more
  await until("it is missed", () => !isOn());
  await rest(100);
  assert.deepEqual(said.slice(-1), [`container names: CRI: nobody listens on ${pretend.socketPath}`]);
  assert.ok(said.length <= 2, said.join("\n"));
  rmSync(pretend.socketPath);
  setPod(pretend);
  await pretend.start();
  await until("it is back", () => names.has(id("a")));
});

test("containerd without CRI, as Docker installs it, is asked seldom and not complained of", async (t) => {
  const { pretend, runtime, said } = await createWatch(t, { retryMilliseconds: 1000 });
  pretend.services = [];
  runtime.start();
  await until("it has tried", () => runtime.status().isAsked);
  const { state, reason } = runtime.status();
  assert.equal(state, "off");
  assert.equal(reason, `${pretend.socketPath} answers, but not as a runtime for Kubernetes (CRI)`);
  for (let times = 0; times < 100; times++) runtime.ask();
  await rest(50);
  assert.equal(pretend.asked.length, 2);
  assert.deepEqual(said, []);
});

test("one that is not ready is quoted once, given up for a while, and asked again", async (t) => {
  const { pretend, runtime, names, said } = await createWatch(t);
  pretend.instead = (_path, stream) => {
    pretend.refuse(stream, 2, "server is not initialized yet");
    return true;
  };
  runtime.start();
  await until("it has tried thrice", () => pretend.asked.length >= 3);
  const quoted = `${pretend.socketPath}: it answers gRPC status 2: server is not initialized yet`;
  assert.deepEqual(said, [`container names: CRI: ${quoted}`]);
  pretend.instead = undefined;
  setPod(pretend);
  await until("it is ready", () => names.has(id("a")));
});

test("one that takes the question and says nothing is given up, however often a name is missed", async (t) => {
  const { pretend, runtime, names, said } = await createWatch(t, { answerMilliseconds: 30 });
  pretend.instead = (path) => path.endsWith("/ListContainers");
  runtime.start();
  for (let tries = 0; tries < 2000 && pretend.asked.length < 6; tries++) {
    runtime.ask();
    await rest(2);
  }
  assert.deepEqual(said, [`container names: CRI: ${pretend.socketPath}: it does not answer`]);
  assert.equal(pretend.callCountMax, 1, "what was given up is taken back first");
  pretend.instead = undefined;
  setPod(pretend);
  await until("it has recovered", () => names.has(id("a")));
});

for (const [method, reason] of [
  ["Version", "its version is not one"],
  ["ListContainers", "its list of containers is not one"],
  ["ListPodSandbox", "its list of pods is not one"],
] as const) {
  test(`${method} that is no message is an error, tried again`, async (t) => {
    const { pretend, runtime, names, said } = await createWatch(t);
    const before = pretend.answers.get(method)!;
    pretend.answers.set(method, Buffer.from([0x0a, 0x7f, 1]));
    runtime.start();
    await until("it has complained", () => said.length > 0);
    assert.deepEqual(said, [`container names: CRI: ${pretend.socketPath}: ${reason}`]);
    assert.equal(names.size, 0);
    pretend.answers.set(method, before);
    await until("it has recovered", () => runtime.status().state === "on");
  });
}

test("5,000 containers are listed, 5 MB of them", async (t) => {
  const { pretend, runtime, names, isOn } = await createWatch(t);
  const ids = Array.from({ length: 5000 }, (_, index) => index.toString(16).padStart(64, "0"));
  const labels = { "io.kubernetes.container.terminationMessagePath": "x".repeat(700) };
  const entries = ids.map((each) => container({ id: each, sandboxId: id("f"), name: "nginx", labels }));
  pretend.answers.set("ListContainers", listOf(...entries));
  pretend.answers.set("ListPodSandbox", listOf(sandbox(id("f"), "shop", "web")));
  runtime.start();
  await until("the lists are read", isOn);
  assert.equal(names.size, 5001);
  assert.equal(names.get(ids[4999]!), "shop/web/nginx");
});

test("a socket that may not be opened is told with what to do", async (t) => {
  const { pretend, runtime, said } = await createWatch(t);
  chmodSync(pretend.socketPath, 0);
  let status = runtime.status();
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534); // nobody; this file's process only
  try {
    runtime.start();
    await until("it has tried", () => runtime.status().isAsked);
    status = runtime.status();
    runtime.stop();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  const reason = `${pretend.socketPath} may not be opened`;
  assert.deepEqual(said, [`container names: CRI: ${reason}; run Portolan as root`]);
  assert.deepEqual([status.remedy, status.isAbsent], ["run Portolan as root", false]);
});

test("stopped, it closes its connection and does not come back; started, it does", async (t) => {
  const { pretend, runtime, isOn } = await createWatch(t, { answerMilliseconds: 60_000 });
  pretend.instead = () => true;
  runtime.start();
  runtime.start();
  await until("it asks", () => pretend.asked.length === 1);
  runtime.stop();
  runtime.ask();
  await until("its connection is closed", () => pretend.sessionCount === 0);
  await rest(50);
  assert.equal(pretend.asked.length, 1);
  assert.equal(runtime.status().reason, "not asked yet");
  pretend.instead = undefined;
  runtime.start();
  await until("it asks anew", isOn);
});
