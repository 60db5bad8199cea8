import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { test } from "node:test";
import { createTranslations } from "../src/agent/translations.ts";
import { formatAddress, parseAddress } from "../src/flow/index.ts";
import {
  type ConntrackObserver,
  canRunConntrack,
  conntrackDefaults,
  createConntrackObserver,
  readConntrackFacts,
  silentLimits,
  type TranslatedConnection,
} from "../src/observe/index.ts";
import { NatTable, natTableDefaults } from "../src/topology/index.ts";
import { whyNoNamespaces } from "./namespaces.ts";
import { until } from "./program.ts";
import { clientProgram, serverProgram, type Talk, TranslatingNode } from "./translating-node.ts";

const skip = whyNoNamespaces() || canRunConntrack(readConntrackFacts())?.reason || false;
const inodeOf = (name: string) => statSync(`/run/netns/${name}`).ino;

/** A way to call the server, and where it really answers. */
interface Kind {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly real: string;
}

function textOf(entry: TranslatedConnection): string {
  const end = (at: number, port: number) => `${formatAddress(entry.addresses, at)} ${port}`;
  const original = `${end(0, entry.originalSourcePort)} > ${end(16, entry.originalDestinationPort)}`;
  const reply = `${end(32, entry.replySourcePort)} > ${end(48, entry.replyDestinationPort)}`;
  return `${entry.protocol} ${original} | ${reply}`;
}

function isTranslated(tracked: string): boolean {
  const [, original, reply] = /^\d+ (.+) \| (.+)$/.exec(tracked) ?? [];
  return reply?.split(" > ").reverse().join(" > ") !== original;
}

/** Reads until nothing waits; the connections of one namespace, in order, without those that are over. */
function readAll(observer: ConntrackObserver, inode: number): string[] {
  const seen: string[] = [];
  const visit = (entry: TranslatedConnection) => {
    if (entry.networkNamespace === inode && entry.endedMilliseconds === 0) seen.push(textOf(entry));
  };
  while (observer.poll(visit) > 0);
  return seen;
}

test("address translation is seen as the kernel does it", { skip }, async (t) => {
  const world = new TranslatingNode(String(process.pid));
  t.after(() => world.remove());
  const inode = inodeOf(world.node);
  const server = await world.run(world.server, serverProgram(8080));
  const nodeServer = await world.run(world.node, serverProgram(9000));
  const client = await world.run(world.client, clientProgram);
  const observer = createConntrackObserver();
  t.after(() => observer.stop());
  const otherServer = await world.run(world.server, serverProgram(8081));
  const kinds: Kind[] = [
    { protocol: "tcp", host: world.service[4], port: 80, real: "10.92.0.2 8080" },
    { protocol: "udp", host: world.service[4], port: 80, real: "10.92.0.2 8080" },
    { protocol: "tcp", host: world.service[6], port: 80, real: "fd92::2 8080" },
    { protocol: "udp", host: world.service[6], port: 80, real: "fd92::2 8080" },
  ];
  /** Of these the destination alone is translated, or the source alone. */
  const byDestination: Kind = { protocol: "tcp", host: world.service[4], port: 81, real: "10.92.0.2 8081" };
  const bySource: Kind = { protocol: "tcp", host: "10.92.0.2", port: 8080, real: "10.92.0.2 8080" };
  /** Opens a connection to the service; what the observer has to say of it, by the client's and the server's sockets alone. */
  const expected = async (by: Talk, to: Talk, kind: Kind) => {
    const clientEnd = await by.ask(kind);
    const [protocol, ...seen] = (await to.next()).split(" ");
    assert.equal(protocol, kind.protocol);
    const called = `${kind.host} ${kind.port}`;
    return `${protocol === "tcp" ? 6 : 17} ${clientEnd} > ${called} | ${kind.real} > ${seen.join(" ")}`;
  };
  const onlyNode = {
    findNamespaces: () => ({ namespaces: [{ inode, path: `/run/netns/${world.node}` }], beyondCount: 0 }),
    whyNot: () => undefined,
    hasIpvs: () => false,
  };
  const before: string[] = [];

  await t.test(
    "connections that are there before the start are found, those alone that are translated",
    async () => {
      for (const kind of [...kinds, bySource]) before.push(await expected(client, server, kind));
      before.push(await expected(client, otherServer, byDestination));
      await client.ask({ protocol: "tcp", host: world.nodeAddress, port: 9000 });
      await nodeServer.next();
      const tracked = world.tracked();
      assert.ok(
        tracked.some((entry) => !isTranslated(entry)),
        "the node tracks one that it does not translate",
      );
      observer.start();
      const seen = readAll(observer, inode);
      assert.deepEqual(seen.toSorted(), before.toSorted());
      assert.deepEqual(seen.toSorted(), tracked.filter(isTranslated).toSorted());
      assert.equal(observer.status().state, "watching");
    },
  );

  await t.test("new ones are announced, oldest first, once each", async () => {
    const opened: string[] = [];
    for (const kind of [...kinds, bySource]) opened.push(await expected(client, server, kind));
    opened.push(await expected(client, otherServer, byDestination));
    await client.ask({ protocol: "tcp", host: world.nodeAddress, port: 9000 });
    await nodeServer.next();
    assert.deepEqual(readAll(observer, inode), opened);
    assert.deepEqual(readAll(observer, inode), []);
    // Messages of other namespaces may come, from tests that run beside this one; so this one is asked alone.
    const alone = createConntrackObserver(conntrackDefaults, onlyNode);
    alone.start();
    readAll(alone, inode);
    await client.ask({ protocol: "tcp", host: world.nodeAddress, port: 9000 });
    await nodeServer.next();
    assert.equal(
      alone.poll(() => {}),
      0,
      "the kernel keeps what is not translated",
    );
    alone.stop();
    assert.deepEqual(world.tracked().filter(isTranslated).toSorted(), [...before, ...opened].toSorted());
  });

  await t.test("from what each end saw the table of translations tells the true ends", () => {
    const table = new NatTable(natTableDefaults, () => assert.fail("it is not full"));
    const fresh = createConntrackObserver(conntrackDefaults, onlyNode);
    fresh.start();
    const texts: string[] = [];
    const visit = (entry: TranslatedConnection) => {
      texts.push(textOf(entry));
      table.enter(entry, 1);
    };
    while (fresh.poll(visit) > 0);
    fresh.stop();
    assert.ok(texts.length >= 12);
    for (const text of texts) {
      const [, protocol, client, called, real, caller] = /^(\d+) (.+) > (.+) \| (.+) > (.+)$/.exec(text)!;
      const truth = `${client} > ${real}`;
      for (const [source, destination] of [
        [client!, called!],
        [caller!, real!],
      ] as const) {
        const tuple = tupleOf(Number(protocol), source, destination);
        const isChanged = table.undo(tuple, 1);
        assert.equal(isChanged, `${source} > ${destination}` !== truth);
        if (isChanged) assert.equal(endsOf(table.result), truth);
      }
    }
  });

  await t.test("without a filter in the kernel, where IPVS is, the same comes out", async () => {
    let hasIpvs = true;
    const careful = createConntrackObserver(conntrackDefaults, { ...onlyNode, hasIpvs: () => hasIpvs });
    careful.start();
    t.after(() => careful.stop());
    const table = world.tracked().filter(isTranslated).toSorted();
    assert.deepEqual(readAll(careful, inode).toSorted(), table);
    const one = await expected(client, server, kinds[0]!);
    await client.ask({ protocol: "tcp", host: world.nodeAddress, port: 9000 });
    await nodeServer.next();
    assert.deepEqual(readAll(careful, inode), [one]);
    hasIpvs = false;
    careful.refresh();
    assert.deepEqual(readAll(careful, inode).toSorted(), [...table, one].toSorted(), "read again");
    const two = await expected(client, server, kinds[0]!);
    assert.deepEqual(readAll(careful, inode), [two]);
    hasIpvs = true;
    careful.refresh();
    readAll(careful, inode);
    await client.ask({ protocol: "tcp", host: world.nodeAddress, port: 9000 });
    await nodeServer.next();
    const messageCount = careful.poll(() => assert.fail("it is not translated"));
    assert.equal(messageCount, 1, "the kernel passes everything again");
    assert.equal(careful.losses().invalidCount, 0);
  });

  await t.test("that one is over is told, with a time at which it was not yet known", async () => {
    const one = await expected(client, server, kinds[1]!);
    const ends: [string, number][] = [];
    const visit = (entry: TranslatedConnection) => {
      if (entry.networkNamespace === inode && entry.endedMilliseconds > 0)
        ends.push([textOf(entry), entry.endedMilliseconds]);
    };
    const watching = createConntrackObserver(conntrackDefaults, onlyNode);
    watching.start();
    t.after(() => watching.stop());
    while (watching.poll(visit, 1000) > 0);
    assert.equal(ends.length, 0);
    world.forgetTracked();
    while (watching.poll(visit, 2000) > 0);
    assert.ok(
      ends.some(([text]) => text === one),
      JSON.stringify(ends),
    );
    assert.ok(ends.every(([, milliseconds]) => milliseconds === 1000));
    watching.stop();
    for (const kind of kinds) await expected(client, server, kind); // for the tests that follow
  });

  await t.test(
    "where the kernel was told to announce nothing, that is said, and its table read again",
    async () => {
      const silent = createConntrackObserver(conntrackDefaults, onlyNode);
      silent.start();
      t.after(() => silent.stop());
      readAll(silent, inode);
      assert.deepEqual(silentLimits(silent.status()), []);
      world.inside(world.node, "sysctl", "-qw", "net.netfilter.nf_conntrack_events=0");
      silent.refresh();
      readAll(silent, inode);
      const [limit] = silentLimits(silent.status());
      assert.equal(
        limit?.remedy,
        `switch that on: nsenter --net=/run/netns/${world.node} sysctl -w net.netfilter.nf_conntrack_events=1`,
      );
      const one = await expected(client, server, kinds[0]!);
      assert.deepEqual(readAll(silent, inode), []);
      const found = await until<string[]>("the table has been read again", async () => {
        silent.refresh();
        const seen = readAll(silent, inode);
        return seen.length > 0 ? seen : undefined;
      });
      assert.ok(found.includes(one));
      const another = await expected(client, server, kinds[0]!);
      const since = await until<string[]>("the table has been read once more", async () => {
        silent.refresh();
        const seen = readAll(silent, inode);
        return seen.length > 0 ? seen : undefined;
      });
      assert.deepEqual(since, [another], "what was told is not told again");
      silent.tellAgain();
      assert.deepEqual(readAll(silent, inode).toSorted(), world.tracked().filter(isTranslated).toSorted());
      world.inside(world.node, "sysctl", "-qw", "net.netfilter.nf_conntrack_events=1");
      const two = await expected(client, server, kinds[0]!);
      silent.refresh();
      assert.ok(readAll(silent, inode).includes(two), "read once more");
      assert.deepEqual(silentLimits(silent.status()), []);
      const three = await expected(client, server, kinds[0]!);
      assert.deepEqual(readAll(silent, inode), [three]);
      silent.stop();
    },
  );

  await t.test("to who has forgotten them all are told again, once", async () => {
    readAll(observer, inode);
    observer.tellAgain();
    const all = world.tracked().filter(isTranslated);
    assert.ok(all.length > 0);
    assert.deepEqual(readAll(observer, inode).toSorted(), all.toSorted());
    assert.deepEqual(readAll(observer, inode), []);
  });

  await t.test("a call reads no more than it is told to, and nothing is missed", async () => {
    const slow = createConntrackObserver({ ...conntrackDefaults, messagesMax: 1 });
    slow.start();
    t.after(() => slow.stop());
    const table = world.tracked().filter(isTranslated).toSorted();
    assert.deepEqual(readAll(slow, inode).toSorted(), table);
    slow.stop();
  });

  await t.test(
    "what the kernel had no room for is counted, and found when the tables are read again",
    async () => {
      const small = createConntrackObserver({ ...conntrackDefaults, receiveBufferBytes: 1 });
      small.start();
      t.after(() => small.stop());
      readAll(small, inode);
      assert.deepEqual(small.losses(), { eventCount: 0, overrunCount: 0, invalidCount: 0 });
      const many = 50;
      await client.ask({ ...kinds[0], many });
      for (let i = 0; i < many; i++) await server.next();
      const seen = readAll(small, inode);
      const { eventCount, overrunCount } = small.losses();
      assert.ok(seen.length < many && overrunCount >= 1, `${seen.length} seen, ${overrunCount} overruns`);
      assert.equal(seen.length + eventCount, many, "each is seen or counted");
      small.refresh();
      assert.deepEqual(readAll(small, inode).toSorted(), world.tracked().filter(isTranslated).toSorted());
      small.refresh();
      assert.deepEqual(readAll(small, inode), [], "no reason to read the tables once more");
      small.stop();
    },
  );

  await t.test("what an agent was not told is a counted drop, once", async () => {
    const small = createConntrackObserver({ ...conntrackDefaults, receiveBufferBytes: 1 });
    let [seen, dropped] = [0, 0];
    const translations = createTranslations(
      { nat: true },
      {
        node: "vm",
        drop(reason, source, count = 1) {
          assert.deepEqual([reason, source], ["nat_lost", "vm"]);
          dropped += count;
        },
        onTranslation({ networkNamespace }) {
          if (networkNamespace === inode) seen++;
        },
      },
      small,
    );
    t.after(() => translations.stop({ state: "off" }));
    translations.start();
    const now = 10_000;
    translations.poll(now);
    seen = 0; // those of the table
    let opened = 0;
    for (const many of [50, 60]) {
      await client.ask({ ...kinds[0], many });
      for (let i = 0; i < many; i++) await server.next();
      opened += many;
      for (let polls = 0; polls < 2; polls++) translations.poll(now); // so soon that no table is read again
      assert.ok(dropped > 0 && seen + dropped >= opened, `${seen} seen, ${dropped} dropped`);
      assert.equal(dropped, small.losses().eventCount);
    }
    translations.stop({ state: "off" });
  });

  await t.test(
    "a namespace that appears is found with what it had before; one that goes is let go",
    async () => {
      readAll(observer, inode);
      const other = new TranslatingNode(`${process.pid}b`);
      t.after(() => other.remove());
      const server2 = await other.run(other.server, serverProgram(8080));
      const client2 = await other.run(other.client, clientProgram);
      const early = await expected(client2, server2, kinds[0]!);
      const otherInode = inodeOf(other.node);
      assert.deepEqual(readAll(observer, otherInode), []);
      observer.refresh();
      assert.deepEqual(readAll(observer, otherInode), [early]);
      const late = await expected(client2, server2, kinds[3]!);
      assert.deepEqual(readAll(observer, otherInode), [late]);
      const [countBefore, descriptorsBefore] = [observer.status().namespaceCount, descriptorCount()];
      await client2.end();
      await server2.end();
      other.remove();
      observer.refresh();
      assert.deepEqual(readAll(observer, otherInode), []);
      assert.ok(observer.status().namespaceCount <= countBefore - 3);
      assert.ok(descriptorCount() <= descriptorsBefore - 6, "two sockets for each namespace");
      assert.equal(observer.status().refusal, undefined);
    },
  );

  await t.test(
    "a namespace whose only process ends between the look and the opening is no error",
    async () => {
      const child = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec sleep 60"]);
      await once(child.stdout, "data");
      const path = `/proc/${child.pid}/ns/net`;
      const gone = Number(readlinkSync(path).slice(5, -1));
      child.kill("SIGKILL");
      await once(child, "exit");
      const late = createConntrackObserver(conntrackDefaults, {
        findNamespaces: () => ({ namespaces: [{ inode: gone, path }], beyondCount: 7 }),
        whyNot: () => undefined,
        hasIpvs: () => false,
      });
      late.start();
      assert.equal(
        late.poll(() => {}),
        0,
      );
      const { state, namespaceCount, beyondCount, refusedCount } = late.status();
      assert.deepEqual([state, namespaceCount, beyondCount, refusedCount], ["watching", 0, 7, 0]);
      late.stop();
    },
  );

  await t.test("no more namespaces are watched than configured, and the rest is told", () => {
    const two = createConntrackObserver({ ...conntrackDefaults, namespacesMax: 2 });
    two.start();
    assert.equal(two.status().namespaceCount, 2);
    assert.ok(two.status().beyondCount >= 2);
    two.stop();
  });

  await t.test("where nothing is tracked, nothing is: we add no hook", () => {
    const inside = (command: string) =>
      execFileSync("ip", ["netns", "exec", world.server, "sh", "-c", command], { encoding: "utf8" }).trim();
    // The observer is subscribed here too, and the server has had connections all along.
    assert.equal(inside("cat /proc/sys/net/netfilter/nf_conntrack_count"), "0");
    assert.equal(inside("cat /proc/net/nf_conntrack"), "");
  });

  await t.test("stopped it holds nothing; started again it finds the table", () => {
    observer.stop();
    assert.equal(observer.status().state, "stopped");
    assert.equal(
      observer.poll(() => assert.fail("stopped")),
      0,
    );
    assert.equal(observer.status().namespaceCount, 0);
    const descriptors = descriptorCount();
    observer.start();
    assert.deepEqual(readAll(observer, inode).toSorted(), world.tracked().filter(isTranslated).toSorted());
    observer.stop();
    assert.equal(descriptorCount(), descriptors);
  });
});

test("where nothing can be observed the status says why, and it goes on when that changes", { skip }, () => {
  let isThere = false;
  const cannot = { reason: "not here", remedy: "bring it" };
  const path = "/proc/thread-self/ns/net";
  const observer = createConntrackObserver(conntrackDefaults, {
    findNamespaces: () => ({ namespaces: [{ inode: statSync(path).ino, path }], beyondCount: 0 }),
    whyNot: () => (isThere ? undefined : cannot),
    hasIpvs: () => false,
  });
  observer.start();
  assert.deepEqual([observer.status().state, observer.status().cannot], ["unavailable", cannot]);
  assert.equal(
    observer.poll(() => {}),
    0,
  );
  isThere = true;
  observer.refresh();
  assert.deepEqual([observer.status().state, observer.status().namespaceCount], ["watching", 1]);
  isThere = false;
  observer.refresh();
  assert.deepEqual([observer.status().state, observer.status().namespaceCount], ["unavailable", 0]);
  observer.stop();
});

/** As FlowBatch has it, of two texts "address port". */
function tupleOf(protocol: number, source: string, destination: string) {
  const [sourceAddress, sourcePort] = source.split(" ");
  const [destinationAddress, destinationPort] = destination.split(" ");
  return {
    source: new Uint32Array(parseAddress(sourceAddress!)!.buffer),
    destination: new Uint32Array(parseAddress(destinationAddress!)!.buffer),
    at: 0,
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
    protocol,
    scope: 0,
  };
}

function endsOf({ source, sourcePort, destination, destinationPort }: NatTable["result"]): string {
  const text = (words: Uint32Array) => formatAddress(new Uint8Array(words.buffer, words.byteOffset, 16));
  return `${text(source)} ${sourcePort} > ${text(destination)} ${destinationPort}`;
}

function descriptorCount(): number {
  return readdirSync("/proc/self/fd").length;
}
