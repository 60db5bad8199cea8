import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { createDockerEngine } from "./docker-engine.ts";
import { PretendDocker } from "./pretend-docker.ts";

const id = (digit: string) => digit.repeat(64);

async function createWatch(t: TestContext, { isUp = true, answerMilliseconds = 10_000 } = {}) {
  const docker = new PretendDocker();
  if (isUp) await docker.start();
  const names = new Map<string, string>();
  const said: string[] = [];
  const engine = createDockerEngine({
    onName: (containerId, name) => void names.set(containerId, name),
    log: (message) => void said.push(message),
    socketPath: docker.socketPath,
    retryMilliseconds: 5,
    answerMilliseconds,
  });
  t.after(async () => {
    engine.stop();
    await docker.remove();
  });
  return { docker, engine, names, said };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 2000, `waited in vain until ${what}`);
    await rest(5);
  }
}

test("it names the containers that run, then those that start or are renamed", async (t) => {
  const { docker, engine, names, said } = await createWatch(t);
  docker.list = [
    { Id: id("a"), Names: ["/web"], Labels: {} },
    { Id: id("b"), Names: ["/shop/db-alias", "/db"], Labels: null },
    {
      Id: id("c"),
      Names: ["/k8s_nginx_web-7f8_shop_0"],
      Labels: {
        "io.kubernetes.container.name": "nginx",
        "io.kubernetes.pod.name": "web-7f8",
        "io.kubernetes.pod.namespace": "shop",
      },
    },
  ];
  engine.start();
  await until("the list is read", () => engine.status().state === "on");
  assert.deepEqual(
    [...names],
    [
      [id("a"), "web"],
      [id("b"), "db"],
      [id("c"), "shop/web-7f8/nginx"],
    ],
  );
  docker.tell("start", id("d"), { name: "cache", image: "redis" });
  docker.tell("rename", id("a"), { name: "web-old", oldName: "/web", image: "nginx" });
  await until("both events are read", () => names.get(id("a")) === "web-old");
  assert.equal(names.get(id("d")), "cache");
  assert.deepEqual(said, []);
  assert.deepEqual(engine.status(), {
    name: "Docker",
    state: "on",
    reason: `${docker.socketPath} answers`,
  });
});

test("it only asks, events before the list", async (t) => {
  const { docker, engine } = await createWatch(t);
  engine.start();
  await until("the list is read", () => engine.status().state === "on");
  const [events = "", list] = docker.asked;
  const filters = JSON.parse(
    new URL(events.slice("GET ".length), "http://docker").searchParams.get("filters")!,
  );
  assert.deepEqual(filters, { type: ["container"], event: ["create", "start", "rename"] });
  assert.equal(list, "GET /containers/json");
  assert.equal(docker.asked.length, 2);
});

test("events arrive in pieces, and several at once", async (t) => {
  const { docker, engine, names } = await createWatch(t);
  engine.start();
  await until("the list is read", () => engine.status().state === "on");
  const event = (digit: string, name: string) =>
    JSON.stringify({ Actor: { ID: id(digit), Attributes: { name } } });
  docker.write(`${event("a", "one")}\n${event("b", "two")}\n${event("c", "thr😀e").slice(0, 60)}`);
  await until("the second is read", () => names.has(id("b")));
  docker.write(`${event("c", "thr😀e").slice(60)}\r\n`);
  await until("the third is read", () => names.get(id("c")) === "thr😀e");
});

test("a connection that breaks is made again, and said once", async (t) => {
  const { docker, engine, names, said } = await createWatch(t);
  docker.list = [{ Id: id("a"), Names: ["/web"] }];
  engine.start();
  await until("it is connected", () => engine.status().state === "on");
  docker.list = [{ Id: id("a"), Names: ["/renamed-meanwhile"] }];
  docker.disconnect();
  await until("it is connected again", () => names.get(id("a")) === "renamed-meanwhile");
  assert.equal(engine.status().state, "on");
  assert.equal(said.length, 1);
  docker.tell("start", id("b"), { name: "db" });
  await until("events come again", () => names.has(id("b")));
  assert.equal(docker.streamCount, 1);
});

test("an engine that is stopped and started again is found, and its absence said once", async (t) => {
  const { docker, engine, names, said } = await createWatch(t);
  engine.start();
  await until("it is connected", () => engine.status().state === "on");
  await docker.stop();
  writeFileSync(docker.socketPath, ""); // nobody listens on it any more
  await until("it is away", () => engine.status().state === "off");
  await rest(100);
  assert.ok(said.length <= 2, said.join("\n"));
  assert.match(said.at(-1)!, /^container names: Docker: nobody listens on .*docker\.sock$/);
  rmSync(docker.socketPath);
  docker.list = [{ Id: id("a"), Names: ["/web"] }];
  await docker.start();
  await until("it is back", () => names.has(id("a")));
});

test("a machine without Docker is told so when asked, and not complained of", async (t) => {
  const { docker, engine, said } = await createWatch(t, { isUp: false });
  engine.start();
  await until("it has tried", () => engine.status().reason !== "not asked yet");
  assert.deepEqual(engine.status(), {
    name: "Docker",
    state: "off",
    reason: `there is no ${docker.socketPath}`,
  });
  assert.deepEqual(said, []);
});

test("an engine that refuses is quoted", async (t) => {
  const { docker, engine, said } = await createWatch(t);
  docker.instead = (_request, response) => {
    response.writeHead(403).end("no");
    return true;
  };
  engine.start();
  await until("it has tried again", () => docker.asked.length > 2);
  assert.deepEqual(said, [`container names: Docker: ${docker.socketPath}: it answers 403`]);
});

for (const [what, list] of [
  ["no JSON", "<html>"],
  ["no list", '{"message":"page not found"}'],
  ["longer than anybody has containers", " ".repeat(17 * 1024 * 1024)],
] as const) {
  test(`a list that is ${what} is an error, tried again`, async (t) => {
    const { docker, engine, names, said } = await createWatch(t);
    docker.list = list;
    engine.start();
    await until("it has tried again", () => docker.asked.length >= 4);
    assert.equal(said.length, 1);
    assert.equal(engine.status().state, "off");
    docker.list = [{ Id: id("a"), Names: ["/web"] }];
    await until("it has recovered", () => names.has(id("a")));
  });
}

test("a list that breaks off is asked for again", async (t) => {
  const { docker, engine, names } = await createWatch(t);
  docker.instead = (request, response) => {
    if (request.url !== "/containers/json") return false;
    docker.instead = undefined;
    response.write('[{"Id":"');
    setTimeout(() => response.destroy(), 5);
    return true;
  };
  docker.list = [{ Id: id("a"), Names: ["/web"] }];
  engine.start();
  await until("it is there", () => names.has(id("a")));
});

test("an event without end is an error; nonsense among events is not", async (t) => {
  const { docker, engine, names, said } = await createWatch(t);
  engine.start();
  await until("it is connected", () => engine.status().state === "on");
  docker.write('null\n[]\n7\n"x"\n{"Actor":7}\n{"Actor":{"ID":7,"Attributes":[]}}\n{half\n\n');
  docker.tell("start", "../../etc", { name: "web" });
  docker.tell("start", id("b"), { name: ["web"] });
  docker.tell("start", id("a"), { name: "web\u202e\x1b[2J" });
  await until("it reads on", () => names.has(id("a")));
  assert.deepEqual([...names], [[id("a"), "web[2J"]]);
  assert.deepEqual(said, []);
  docker.write("x".repeat(2 * 1024 * 1024));
  await until("it has had enough", () => said.length === 1);
  assert.match(said[0]!, /an event without end/);
});

test("hostile containers of the list are passed over", async (t) => {
  const { docker, engine, names } = await createWatch(t);
  docker.list = [
    null,
    7,
    [],
    { Id: id("A") },
    { Id: id("b"), Names: "web" },
    { Id: id("c"), Names: [7, null] },
    { Id: id("d"), Names: ["/<script>alert(1)</script>"], Labels: [] },
    { Id: id("e"), Names: [`/${"x".repeat(100_000)}`] },
  ];
  engine.start();
  await until("it is read", () => engine.status().state === "on");
  assert.deepEqual([...names.keys()], [id("d"), id("e")]);
  assert.equal(names.get(id("d")), "<script>alert(1)</script>");
  assert.equal(names.get(id("e"))!.length, 160);
});

test("stopped, it closes its connections and does not come back", async (t) => {
  const { docker, engine } = await createWatch(t);
  engine.start();
  engine.start();
  await until("it is connected", () => engine.status().state === "on");
  const askedBefore = docker.asked.length;
  engine.stop();
  await until("its stream is closed", () => docker.streamCount === 0);
  await rest(50);
  assert.equal(docker.asked.length, askedBefore);
  engine.start();
  await until("it is connected anew", () => engine.status().state === "on");
});

test("an engine that takes the question and says nothing is given up; one where nothing happens is not", async (t) => {
  const { docker, engine, said } = await createWatch(t, { answerMilliseconds: 50 });
  let isDumb = true;
  docker.instead = (request) => isDumb && request.url === "/containers/json";
  engine.start();
  await until("it has tried again", () => docker.asked.length > 2);
  assert.match(said[0]!, /it does not answer/);
  isDumb = false;
  await until("it is connected", () => engine.status().state === "on");
  await rest(200);
  assert.equal(engine.status().state, "on");
  assert.equal(said.length, 1);
});
