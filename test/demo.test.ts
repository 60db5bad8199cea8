import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import {
  findControlGroups,
  type PlannedLink,
  type PlannedPod,
  planWorld,
  podRanges,
  prefix,
  services,
  whyNoDemoWorld,
} from "../src/demo/index.ts";
import { canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import type { Topology, TopologyLink } from "../src/topology/index.ts";
import { violations } from "./axe.ts";
import { launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { liveMap, type Program, runProgram, startProgram, until } from "./program.ts";

const skip = (whyNoDemoWorld() ?? canRunTcp(readKernelFacts()))?.reason ?? false;
const seed = 7;
const world = planWorld(seed);
const whyNoPage =
  whyNoBrowser ||
  (!existsSync(new URL("../web/dist/index.html", import.meta.url)) && "the page is not built: npm run build");
const controlGroup = join(findControlGroups() ?? "", prefix);

const startDemo = () => startProgram(["demo", "--listen", "127.0.0.1:0", "--seed", String(seed)]);

test("the world talks and is seen whole", { skip, timeout: 120_000 }, async (t) => {
  const program = await startDemo();
  t.after(() => program.stop("SIGKILL"));

  await t.test("every link of the table is on the map, and the failing ones fail", async () => {
    let missing: string[] = [];
    await until("all links", async () => {
      const map = await mapOf(program);
      missing = world.links.flatMap((link) => missingOf(map, link));
      return missing.length === 0 ? true : undefined;
    }).catch((error) => assert.fail(`${error.message}\nmissing: ${missing.join("\n")}`));
  });

  await t.test("only they fail", async () => {
    const map = await mapOf(program);
    const failing = map.links.filter(({ failed }) => failed > 0);
    const expected = world.links.filter(({ isFailing }) => isFailing).map(({ address }) => `host:${address}`);
    assert.deepEqual(failing.map(({ server }) => server).sort(), expected.sort());
  });

  await t.test("the slow link is slow, and loses nothing", async () => {
    const [slow] = world.pods.filter(({ kilobitsPerSecond }) => kilobitsPerSecond !== undefined);
    const link = await until("a long round trip", async () => {
      const { links, peers } = await mapOf(program);
      const client = peers.find(({ container }) => container === slow!.containerId)?.id;
      return links.find((one) => one.client === client && (one.rttMs ?? 0) > 100);
    });
    assert.equal(link.retransmits, 0);
  });

  const askedBy = ({ actor }: PlannedPod) =>
    new Set(actor.calls.map(({ asks }) => asks).filter((name) => name !== ""));

  await t.test("what each pod looked up is told of it, and of no other", async () => {
    const told: Record<string, string[]> = {};
    const expected = Object.fromEntries(world.pods.map((pod) => [pod.name, [...askedBy(pod)].sort()]));
    await until("all names", async () => {
      for (const { name, containerId } of world.pods) {
        const { names } = await lookupsOf(program, `container:${containerId}`);
        told[name] = names.map((each) => each.name).sort();
      }
      return isDeepStrictEqual(told, expected) || undefined;
    }).catch((error: Error) => assert.deepEqual(told, expected, error.message));
  });

  await t.test(
    "a pod's details on the page have them, those first that fail",
    { skip: whyNoPage },
    async (t) => {
      const mailer = world.pods.find((pod) => askedBy(pod).has("smtp3.example"))!;
      const { peers } = await mapOf(program);
      const { id } = peers.find(({ container }) => container === mailer.containerId)!;
      const { names } = await lookupsOf(program, `container:${mailer.containerId}`);
      assert.deepEqual(
        names.map(({ name, failures, answers }) => [name, failures === answers]),
        [
          ["smtp3.example", true],
          ["smtp.example", false],
        ],
      );
      const browser = await launchBrowser();
      t.after(() => browser.close());
      for (const colorScheme of ["dark", "light"] as const) {
        const page = await browser.newPage({ viewport: { width: 390, height: 780 }, colorScheme });
        await openAt(page, `${program.url}/?peer=${encodeURIComponent(id)}`);
        const rows = page.getByTestId("looked-up-names").getByRole("listitem");
        await rows.nth(1).waitFor();
        const words = (await rows.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " "));
        assert.match(
          words[0]!,
          /^smtp3\.example \d+ questions? \d+ NXDOMAIN mean [\d.]+ ms, max .* last \d+ s ago$/,
        );
        assert.match(words[1]!, /^smtp\.example \d+ questions? mean/);
        assert.equal(await rows.first().getByRole("button").count(), 0, "what does not exist leads nowhere");
        assert.deepEqual(await violations(page), []);
        assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
        const filter = () => new URL(page.url()).searchParams.get("filter");
        await rows
          .nth(1)
          .getByRole("button")
          .click({ modifiers: ["Alt"] });
        await until("the name is out", () => filter() === "-(server.name:smtp.example)" || undefined);
        await rows.nth(1).getByRole("button").click();
        await until("the name is in", () => filter()?.endsWith(") server.name:smtp.example") || undefined);
        await page.close();
      }
    },
  );

  await t.test("pods are in control groups as a kubelet makes them", () => {
    const processes = world.pods.flatMap((pod) => {
      const inside = readFileSync(join(controlGroup, pod.controlGroup, "cgroup.procs"), "utf8")
        .trim()
        .split("\n");
      assert.equal(inside.length, 1);
      assert.equal(readFileSync(`/proc/${inside[0]}/comm`, "utf8").trim(), pod.actor.title);
      return inside;
    });
    assert.equal(new Set(processes).size, world.pods.length);
  });

  await t.test("a second demo says that there is one", async () => {
    const { code, output } = await runProgram(["demo", "--listen", "127.0.0.1:0"]);
    assert.equal(code, 1);
    assert.match(output, new RegExp(`running already, as process ${program.child.pid}:`));
  });

  await t.test("it ends, and everything with it", async () => {
    const processes = processesOf();
    assert.equal(processes.length, world.pods.length + 1);
    assert.equal(await program.stop("SIGINT"), 0, program.output());
    assert.deepEqual(leftovers(), []);
    for (const process of processes) assert.ok(!existsSync(`/proc/${process}`));
  });
});

test("a demo that is killed leaves nothing, and the next can start at once", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const killed = await startDemo();
  await killed.stop("SIGKILL");
  const next = await startDemo();
  t.after(() => next.stop("SIGKILL"));
  await until("the new world talks", async () =>
    (await mapOf(next)).links.length > world.links.length / 2 ? true : undefined,
  );
  assert.equal(processesOf().length, world.pods.length + 1);
  await next.stop("SIGKILL");
  await until("everything is gone", () => (leftovers().length === 0 ? true : undefined));
});

test("what was left all the same is removed by demo --clean", { skip, timeout: 60_000 }, async (t) => {
  const group = join(controlGroup, "node-a");
  mkdirSync(group, { recursive: true });
  const sleeper: ChildProcess = spawn("sleep", ["60"]);
  t.after(() => sleeper.kill("SIGKILL"));
  writeFileSync(join(group, "cgroup.procs"), String(sleeper.pid));
  execFileSync("ip", ["netns", "add", `${prefix}-left`]);
  mkdirSync(join(tmpdir(), `${prefix}-left`));
  const ended = once(sleeper, "exit");

  const { code, output } = await runProgram(["demo", "--clean"]);
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`removed:\n {2}${prefix}-left\n`));
  assert.deepEqual(leftovers(), []);
  await ended;
  assert.match((await runProgram(["demo", "--clean"])).output, /no demo left anything/);
});

test("it ends by itself after --seconds, and says what is wrong with a flag", {
  skip,
  timeout: 60_000,
}, async () => {
  const { code, output } = await runProgram(["demo", "--listen", "127.0.0.1:0", "--seconds", "1"]);
  assert.equal(code, 0, output);
  assert.deepEqual(leftovers(), []);
  assert.equal((await runProgram(["demo", "--seed", "x"])).code, 2);
  assert.equal((await runProgram(["demo", "--listen", "nowhere"])).code, 2);
});

test("who may not make a world is told what is missing", { skip, timeout: 60_000 }, async () => {
  const isolated = ["setpriv", "--bounding-set=-sys_admin"];
  await assert.rejects(startProgram(["demo"], isolated), /ended with 1:\n.*cannot be made here .*what to do/);
  const mayRead = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]; // the checkout may be root's
  const nobody = ["setpriv", "--reuid", "65534", "--clear-groups", ...mayRead];
  await assert.rejects(startProgram(["demo"], nobody), /ended with 1:\n.*needs root on Linux.*sudo/);
});

const lookupsOf = (program: Program, filter: string) =>
  program.get<{ names: { name: string; answers: number; failures: number }[] }>(
    `/api/v1/lookups?filter=${encodeURIComponent(filter)}`,
  );

const mapOf = (program: Program): Promise<Topology> =>
  liveMap(program, `?filter=${encodeURIComponent(`address:${podRanges.join(",")}`)}`);

/** What the map does not show of a planned link, in words. */
function missingOf({ peers, links }: Topology, planned: PlannedLink): string[] {
  const idsOf = (end: PlannedPod | { readonly address: string }) =>
    peers
      .filter((peer) =>
        "containerId" in end ? peer.container === end.containerId : peer.addresses.includes(end.address),
      )
      .map(({ id }) => id);
  const between = (clients: readonly string[], servers: readonly string[]) =>
    links.filter(({ client, server }) => clients.includes(client) && servers.includes(server));
  const isWhole = (link: TopologyLink) =>
    planned.isFailing
      ? link.failed > 0 && link.bytesReceived === 0
      : link.bytesSent > 0 && link.bytesReceived > 0;

  const { client, servers, address, port } = planned;
  const missing = servers
    .filter((server) => !between(idsOf(client), idsOf(server)).some(isWhole))
    .map((server) => `${nameOf(client)} > ${nameOf(server)} port ${port}`);
  // Address translation is undone: nobody talks to a service's address, nor from a node's.
  const isTranslated = servers.every((server) => server.address !== address);
  const virtual = [...services.map((service) => service.address), ...(isTranslated ? [address] : [])];
  const translated = links.filter(({ client: from, server: to }) =>
    virtual.some((one) => [from, to].includes(`host:${one}`)),
  );
  return [...missing, ...translated.map(({ client: from, server: to }) => `${from} > ${to} is left over`)];
}

function nameOf(end: PlannedPod | { readonly address: string }): string {
  return "name" in end ? end.name : end.address;
}

function processesOf(folder = controlGroup): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(({ name }) => name === "cgroup.procs")
    .flatMap(({ parentPath }) => readFileSync(join(parentPath, "cgroup.procs"), "utf8").split("\n"))
    .filter((process) => process !== "");
}

/** What is here of a demo, whichever. */
function leftovers(): string[] {
  const namespaces = execFileSync("ip", ["netns", "list"], { encoding: "utf8" }).split("\n");
  const tables = execFileSync("nft", ["list", "tables"], { encoding: "utf8" }).split("\n");
  const links = execFileSync("ip", ["-o", "link"], { encoding: "utf8" }).split("\n");
  const here = [...namespaces, ...tables, ...links].filter((line) => line.includes(prefix));
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(`${prefix}-`));
  return [...here, ...folders, ...(existsSync(controlGroup) ? [controlGroup] : [])];
}
