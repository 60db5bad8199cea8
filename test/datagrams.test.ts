import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { agentDefaults, createAgent } from "../src/agent/index.ts";
import { NameTable } from "../src/enrich/index.ts";
import { type FlowBatch, formatAddress, ObserverTable, parseAddress } from "../src/flow/index.ts";
import {
  canRunDatagrams,
  createDatagramObserver,
  readKernelFacts,
  slowerDatagrams,
} from "../src/observe/index.ts";
import {
  type AskedCounter,
  type AskedName,
  createStitcher,
  observedEnd,
  type Peer,
  PeerTable,
  stitchDefaults,
} from "../src/topology/index.ts";
import { TestCgroups, whyNoCgroups } from "./cgroups.ts";
import { EmptyHook, enableBpfStatistics } from "./empty-hook.ts";
import { heldBpf } from "./held-bpf.ts";
import { ownPort, said, TwoHosts, takeTurn, whyNoNamespaces } from "./namespaces.ts";
import { until } from "./program.ts";

await takeTurn("datagrams"); // a table of 50 flows is soon full of another copy's
const facts = readKernelFacts();
const skip = whyNoNamespaces() || (canRunDatagrams(facts)?.reason ?? false);
const traffic = fileURLToPath(new URL("./datagram-traffic.ts", import.meta.url));
const resolver = fileURLToPath(new URL("./pretend-resolver.ts", import.meta.url));
const agentProcess = fileURLToPath(new URL("./agent-process.ts", import.meta.url));
const node = hostname();
const [udp, icmp, icmpv6] = [17, 1, 58];
/** IP and UDP or ICMP header. */
const headers4 = 28;
const headers6 = 48;

interface Row {
  end: "client" | "server";
  client: string;
  server: string;
  port: number;
  protocol: number;
  sent: [packets: number, bytes: number];
  received: [packets: number, bytes: number];
  flows: number;
  peer: string;
  kind: string;
  isDuplicate: boolean;
}

/** An agent in this process, and the rows it delivered, as they are after the stitcher. */
function createWatch(t: TestContext, config: Partial<typeof agentDefaults> = {}) {
  const peers = new PeerTable(100_000, () => {});
  const names = new NameTable();
  const drops = new Map<string, number>();
  const rows: Row[] = [];
  const asked: (Omit<AskedName, "peer"> & { readonly peer: Peer })[] = [];
  const stitcher = createStitcher(stitchDefaults, () => {});
  const agent = createAgent(
    { ...agentDefaults, ...config },
    {
      node,
      peers,
      names,
      observers: new ObserverTable(),
      drop: (reason, _source, count = 1) => void drops.set(reason, (drops.get(reason) ?? 0) + count),
      deliver(batch) {
        stitcher.stitch(batch, Math.floor(Date.now() / 1000));
        keep(batch);
      },
      deliverAsked: (names) =>
        void asked.push(...names.map((each) => ({ ...each, peer: peers.get(each.peer) }))),
      now: Date.now,
    },
  );
  t.after(() => agent.stop());
  function keep(batch: FlowBatch): void {
    for (let row = 0; row < batch.count; row++) rows.push(rowOf(batch, row, peers));
  }
  agent.start();
  const { datagrams, dns } = agent.status();
  assert.deepEqual([datagrams.state, dns.state], ["on", "on"], datagrams.reason);
  return {
    ...{ agent, names, drops, rows, asked },
    poll() {
      agent.poll();
      keep(stitcher.takeWaited(Date.now()));
    },
    /** What the rows of a protocol and port add up to, per observed end. */
    totals(protocol: number, port: number, end: Row["end"]) {
      const of = rows.filter((row) => row.protocol === protocol && row.port === port && row.end === end);
      const sum = (read: (row: Row) => number) => of.reduce((total, row) => total + read(row), 0);
      return {
        sent: [sum((row) => row.sent[0]), sum((row) => row.sent[1])],
        received: [sum((row) => row.received[0]), sum((row) => row.received[1])],
      };
    },
  };
}

function rowOf({ columns }: FlowBatch, row: number, peers: PeerTable): Row {
  const isClient = columns.observedEnd[row] === observedEnd.client;
  const peer = peers.get((isClient ? columns.sourcePeer : columns.destinationPeer)[row]!);
  return {
    end: isClient ? "client" : "server",
    client: formatAddress(columns.sourceAddress, row * 16),
    server: formatAddress(columns.destinationAddress, row * 16),
    port: columns.destinationTransportPort[row]!,
    protocol: columns.protocolIdentifier[row]!,
    sent: [columns.packetDeltaCount[row]!, columns.octetDeltaCount[row]!],
    received: [columns.reversePacketDeltaCount[row]!, columns.reverseOctetDeltaCount[row]!],
    flows: columns.connectionCount[row]!,
    peer: peer.id,
    kind: peer.kind,
    isDuplicate: columns.isDuplicate[row] === 1,
  };
}

function createHosts(t: TestContext): TwoHosts {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  return hosts;
}

const run = (hosts: TwoHosts, namespace: string, ...parameters: (string | number)[]) =>
  hosts.spawn(namespace, process.execPath, traffic, ...parameters.map(String));

/** Counts packets as the firewall of a namespace sees them: what the agent's figures are compared with. */
function createOracle(namespace: string) {
  const nft = (...parameters: string[]) =>
    execFileSync("ip", ["netns", "exec", namespace, "nft", ...parameters], { encoding: "utf8" });
  nft("add table inet oracle");
  nft("add chain inet oracle in { type filter hook input priority 0; }");
  nft("add chain inet oracle out { type filter hook output priority 0; }");
  return {
    count: (chain: "in" | "out", match: string) => nft(`add rule inet oracle ${chain} ${match} counter`),
    read(chain: "in" | "out"): [number, number][] {
      const found = nft("list", "chain", "inet", "oracle", chain).matchAll(/packets (\d+) bytes (\d+)/g);
      return [...found].map(([, packets, bytes]) => [Number(packets), Number(bytes)]);
    },
  };
}

test("UDP both ways between two hosts, IPv4 and IPv6, is what was sent plus headers, and what the firewall counted", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const oracle = createOracle(hosts.server);
  for (const port of [ownPort(1), ownPort(2)]) {
    oracle.count("in", `udp dport ${port}`);
    oracle.count("out", `udp sport ${port}`);
  }
  await said(run(hosts, hosts.server, "answer", ownPort(1), 300), "listening"); // older than the agent
  const watch = createWatch(t);
  await said(run(hosts, hosts.server, "answer", ownPort(2), 300), "listening");
  await said(run(hosts, hosts.client, "ask", hosts.serverAddress, ownPort(1), 20, 100), "answered");
  watch.poll();
  await said(run(hosts, hosts.client, "ask", hosts.serverAddress6, ownPort(2), 30, 1000), "answered");
  watch.poll();
  watch.poll();
  const v4 = { sent: [20, 20 * (100 + headers4)], received: [20, 20 * (300 + headers4)] };
  const v6 = { sent: [30, 30 * (1000 + headers6)], received: [30, 30 * (300 + headers6)] };
  for (const end of ["client", "server"] as const) {
    assert.deepEqual(watch.totals(udp, ownPort(1), end), v4, `${end} by IPv4`);
    assert.deepEqual(watch.totals(udp, ownPort(2), end), v6, `${end} by IPv6`);
  }
  assert.deepEqual(oracle.read("in"), [v4.sent, v6.sent]);
  assert.deepEqual(oracle.read("out"), [v4.received, v6.received]);
  const of = (end: Row["end"]) =>
    watch.rows.filter((row) => [ownPort(1), ownPort(2)].includes(row.port) && row.end === end);
  assert.deepEqual(
    [...new Set(of("client").map(({ peer }) => peer))],
    [`process:${node}/${hosts.client}/node`],
  );
  assert.deepEqual(
    [...new Set(of("server").map(({ peer }) => peer))],
    [`process:${node}/${hosts.server}/node`],
  );
  assert.deepEqual(
    [of("client"), of("server")].map((rows) => rows.map(({ isDuplicate }) => isDuplicate)),
    [of("client").map(() => false), of("server").map(() => true)],
    "the client's figures count, the server's are kept beside them",
  );
  assert.equal(
    of("client").reduce((sum, { flows }) => sum + flows, 0),
    2,
  );
  assert.ok(of("client").every(({ client }) => client !== hosts.serverAddress));
});

test("large datagrams, in IP fragments on the wire, are one packet of their whole length", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  await said(run(hosts, hosts.server, "answer", ownPort(3), 40_000), "listening");
  await said(run(hosts, hosts.client, "ask", hosts.serverAddress, ownPort(3), 5, 60_000), "answered");
  await said(run(hosts, hosts.client, "ask", hosts.serverAddress6, ownPort(3), 5, 9000), "answered");
  watch.poll();
  watch.poll();
  const expected = {
    sent: [10, 5 * (60_000 + headers4) + 5 * (9000 + headers6)],
    received: [10, 5 * (40_000 + headers4) + 5 * (40_000 + headers6)],
  };
  assert.deepEqual(watch.totals(udp, ownPort(3), "client"), expected);
  assert.deepEqual(watch.totals(udp, ownPort(3), "server"), expected);
});

test("a loopback flow is one link, counted once", { skip, timeout: 60_000 }, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  await said(run(hosts, hosts.server, "answer", ownPort(4), 50), "listening");
  await said(run(hosts, hosts.server, "ask", "127.0.0.1", ownPort(4), 10, 60), "answered");
  watch.poll();
  watch.poll();
  const counted = watch.rows.filter(({ port, isDuplicate }) => port === ownPort(4) && !isDuplicate);
  assert.deepEqual(
    counted.map(({ end, sent, received }) => [end, sent, received]),
    [["client", [10, 10 * (60 + headers4)], [10, 10 * (50 + headers4)]]],
  );
  assert.equal(
    watch.rows.filter(({ port }) => port === ownPort(4)).length,
    2,
    "the server's end is kept beside it",
  );
});

test("pings are flows from who asked, answered by a kernel that has no socket for them", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  await said(run(hosts, hosts.client, "ping", hosts.serverAddress, 7, 56), "answered");
  await said(run(hosts, hosts.client, "ping", hosts.serverAddress6, 3, 4000), "answered");
  watch.poll();
  watch.poll();
  for (const [protocol, count, bytes, server] of [
    [icmp, 7, 56 + headers4, hosts.serverAddress],
    [icmpv6, 3, 4000 + headers6, hosts.serverAddress6],
  ] as const) {
    const expected = { sent: [count, count * bytes], received: [count, count * bytes] };
    const rows = watch.rows.filter((row) => row.protocol === protocol && row.server === server);
    for (const end of ["client", "server"] as const) {
      const of = rows.filter((row) => row.end === end);
      assert.deepEqual(
        of.map(({ sent, received }) => ({ sent, received })),
        [expected],
        `${end} ${protocol}`,
      );
      assert.equal(of[0]?.isDuplicate, end === "server");
    }
    assert.equal(rows.find(({ end }) => end === "client")?.peer, `process:${node}/${hosts.client}/node`);
  }
  const housekeeping = watch.rows.filter(
    ({ protocol, server }) => protocol === icmpv6 && /^ff02/.test(server),
  );
  assert.deepEqual(housekeeping, [], "neighbour discovery is left out");
});

test("two sockets that ping at the same time do not count each other's answers", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  await Promise.all(
    [1, 2].map(() => said(run(hosts, hosts.client, "ping", hosts.serverAddress, 50, 100), "answered")),
  );
  watch.poll();
  const rows = watch.rows.filter(
    ({ protocol, end, server }) => protocol === icmp && end === "client" && server === hosts.serverAddress,
  );
  for (const direction of ["sent", "received"] as const)
    assert.deepEqual(rows.map((row) => row[direction]).sort(), [
      [50, 50 * (100 + headers4)],
      [50, 50 * (100 + headers4)],
    ]);
});

test("what every raw socket gets a copy of counts once: for who asked, or for one of them", {
  skip: skip || whyNoCgroups(),
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const cgroups = new TestCgroups(facts.cgroupRoot);
  t.after(() => cgroups.remove());
  const observer = createDatagramObserver({
    ...{ flowsMax: 1000, withFlows: true, withDns: false, cgroupRoot: facts.cgroupRoot },
  });
  t.after(() => observer.stop());
  observer.start();
  const ping = [process.execPath, traffic, "ping", hosts.serverAddress, "50", "100"];
  const pingers = ["one", "other"].map((name) =>
    cgroups.run(name, "ip", "netns", "exec", hosts.client, ...ping),
  );
  await Promise.all(pingers.map((pinger) => said(pinger, "answered")));
  // Both raw sockets are still there, and get what comes for others: a request to answer, and an error.
  const asking = run(hosts, hosts.server, "ping", hosts.clientAddress, 5, 56);
  await said(asking, "answered");
  await said(run(hosts, hosts.client, "spread", hosts.serverAddress, ownPort(20), 1), "sent");
  await delay(1000); // a flow that was not answered is told when it is a second old
  observer.walk();
  const seen: { process: number; type: number; sent: number; received: number }[] = [];
  const addresses = [hosts.clientAddress, hosts.serverAddress];
  observer.drain((report) => {
    const { protocol, bytes, localAddress, icmpTypeCode, process, packetsSent, packetsReceived } = report;
    if (protocol !== icmp || !addresses.includes(formatAddress(bytes, localAddress))) return;
    seen.push({ process, type: icmpTypeCode >> 8, sent: packetsSent, received: packetsReceived });
  });
  const [reply, unreachable, request] = [0, 3, 8];
  const of = (wanted: number) => seen.filter(({ type }) => type === wanted);
  assert.deepEqual(
    of(request).sort((a, b) => a.process - b.process),
    [...pingers, asking]
      .map(({ pid = 0 }) => ({ process: pid, type: request, count: pid === asking.pid ? 5 : 50 }))
      .map(({ count, ...flow }) => ({ ...flow, sent: count, received: count }))
      .sort((a, b) => a.process - b.process),
    "to each its own answers",
  );
  assert.deepEqual(
    of(reply)
      .map(({ process, sent, received }) => [process, sent, received])
      .sort((a, b) => a[1]! - b[1]!),
    [
      [0, 5, 5],
      [0, 50, 50],
      [0, 50, 50],
    ],
    "the kernel answers, and whoever else sees the request does not count it",
  );
  const errors = of(unreachable).map(({ sent, received }) => [sent, received]);
  assert.deepEqual(
    errors.sort((a, b) => a[0]! - b[0]!),
    [
      [0, 1],
      [1, 0],
    ],
    "of two sockets that read an error one counts it",
  );
});

test("flows beyond the bound are counted drops, and the others go on", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t, { flowsMax: 50 });
  await said(run(hosts, hosts.server, "answer", ownPort(5), 0), "listening");
  await said(run(hosts, hosts.client, "spread", hosts.serverAddress, ownPort(5), 200), "sent");
  await delay(1000); // a flow that was not answered is told when it is a second old
  watch.poll();
  watch.poll();
  const rows = watch.rows.filter(({ port }) => port === ownPort(5));
  const lost = watch.drops.get("flow_limit") ?? 0;
  assert.ok(rows.length <= 50 && rows.length > 10, `${rows.length} rows`);
  assert.ok(rows.length + lost >= 400, `${rows.length} reported and ${lost} lost of 400 packets`);
  assert.ok(watch.agent.status().datagrams.flows <= 50);
});

test("the room of flows that are over is others', time and again", { skip, timeout: 60_000 }, async (t) => {
  const [flowsMax, port, perRound] = [200, ownPort(16), 150]; // 50 for what else runs on this machine
  const observer = createDatagramObserver({
    ...{ flowsMax, withFlows: true, withDns: false, cgroupRoot: facts.cgroupRoot, udpIdleSeconds: 1 },
  });
  t.after(() => observer.stop());
  observer.start();
  for (let round = 0; round < 3; round++) {
    const sockets = Array.from({ length: perRound }, () => createSocket("udp4")); // none takes another's port
    for (const socket of sockets)
      await new Promise<void>((sent) => socket.send(Buffer.alloc(10), port, "127.0.0.1", () => sent()));
    for (const socket of sockets) socket.close();
    await delay(1100); // a flow that was not answered is told when it is a second old
    observer.walk();
    let seen = 0;
    observer.drain(({ remotePort, isFirst }) => {
      if (remotePort === port && isFirst) seen++;
    });
    assert.equal(seen, perRound, `round ${round}`);
    await until("the flows are over", () => {
      observer.walk();
      observer.drain(() => {});
      return observer.losses().walked < perRound || undefined;
    });
    assert.equal(observer.losses().tableFull, 0);
  }
});

test("a process in a container's cgroup is the container", { skip, timeout: 60_000 }, async (t) => {
  const hosts = createHosts(t);
  const id = process.pid.toString(16).padStart(64, "c0ffee");
  const cgroup = join(facts.cgroupRoot, `docker-${id}.scope`);
  mkdirSync(cgroup);
  const watch = createWatch(t);
  await said(run(hosts, hosts.server, "answer", ownPort(6), 10), "listening");
  const enter = `echo $$ > ${cgroup}/cgroup.procs; exec ip netns exec "$@"`;
  const program = [
    hosts.client,
    process.execPath,
    traffic,
    "ask",
    hosts.serverAddress,
    String(ownPort(6)),
    "3",
    "30",
  ];
  const child = spawn("sh", ["-c", enter, "sh", ...program], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(async () => {
    child.kill("SIGKILL");
    await until("the cgroup is empty", () => spawnSync("rmdir", [cgroup]).status === 0 || undefined);
  });
  await said(child, "answered");
  watch.poll();
  const row = watch.rows.find(({ port, end }) => port === ownPort(6) && end === "client");
  assert.deepEqual([row?.kind, row?.peer], ["container", `container:${node}/${id}`]);
  assert.ok(statSync(cgroup).ino > 1);
});

test("DNS answers name addresses; failures, silence and garbage are counted", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t, { resolvers: [hosts.serverAddress] });
  await said(hosts.spawn(hosts.server, process.execPath, resolver, hosts.serverAddress), "listening");
  const asked = ["www.example", "no.example", "bad.example", "silent.example"];
  await said(run(hosts, hosts.client, "resolve", hosts.serverAddress, ...asked), "resolved");
  watch.poll();
  const nameOf = (address: string) =>
    watch.names.nameOf(parseAddress(address)!, 0, Math.floor(Date.now() / 1000));
  assert.deepEqual(["192.0.2.80", "2001:db8::80", "192.0.2.81"].map(nameOf), [
    "www.example",
    "www.example",
    "",
  ]);
  // Others on this machine may be asking, and waiting, as well.
  const { status, figures } = await until("the silent one has timed out", () => {
    watch.poll();
    const { dns: status } = watch.agent.status();
    const figures = status.resolvers.find(({ address }) => address === hosts.serverAddress);
    const isOver =
      figures !== undefined && figures.answerCount + figures.timedOutCount === figures.queryCount;
    return isOver ? { status, figures } : undefined;
  });
  assert.equal(figures.answerCount, 4);
  assert.deepEqual(figures.failureCounts, { NXDOMAIN: 2 });
  assert.equal(status.malformedCount, 2);
  assert.ok(figures.timedOutCount >= 4 && figures.queryCount >= 8);
  assert.ok(figures.latencyMeanMilliseconds > 0 && figures.latencyMaxMilliseconds < 5000);
  const silent = status.names.find(({ name }) => name === "silent.example");
  assert.equal(silent?.answerCount, 0);
  assert.ok(silent!.timedOutCount >= 2);
  const flow = watch.totals(udp, 53, "client");
  assert.ok(flow.sent[0]! >= 8 && flow.received[0]! >= 6, "they are flows as well");

  const asker = watch.rows.find(({ port, end }) => port === 53 && end === "client")!;
  const ofAsker = watch.asked.filter(({ peer }) => peer.id === asker.peer && peer.address === asker.client);
  const sum = (name: string, counter: AskedCounter) =>
    ofAsker.filter((each) => each.name === name).reduce((total, each) => total + each[counter], 0);
  assert.deepEqual(
    asked.map((name) => [name, sum(name, "answerCount"), sum(name, "nxdomainCount")]),
    [
      ["www.example", 2, 0],
      ["no.example", 2, 2],
      ["bad.example", 0, 0],
      ["silent.example", 0, 0],
    ],
    "by who asked, at the address that its flows have",
  );
  for (const name of asked) {
    const [queries, answers, late] = (["queryCount", "answerCount", "timedOutCount"] as const).map(
      (counter) => sum(name, counter),
    );
    assert.equal(queries, answers! + late!, name);
  }
  assert.ok(sum("www.example", "latencySumMicroseconds") > 0);
});

test("names are not kept with who asked where that is not wanted, though addresses are named", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t, { resolvers: [hosts.serverAddress], lookups: false });
  await said(hosts.spawn(hosts.server, process.execPath, resolver, hosts.serverAddress), "listening");
  await said(run(hosts, hosts.client, "resolve", hosts.serverAddress, "www.example"), "resolved");
  watch.poll();
  const name = watch.names.nameOf(parseAddress("192.0.2.80")!, 0, Math.floor(Date.now() / 1000));
  assert.deepEqual([name, watch.asked], ["www.example", []]);
});

test("a name is its container's that asked, though the process has ended", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  const id = process.pid.toString(16).padStart(64, "d0d0");
  const cgroup = join(facts.cgroupRoot, `docker-${id}.scope`);
  mkdirSync(cgroup);
  t.after(() => until("the cgroup is empty", () => spawnSync("rmdir", [cgroup]).status === 0 || undefined));
  await said(hosts.spawn(hosts.server, process.execPath, resolver, hosts.serverAddress), "listening");
  const enter = `echo $$ > ${cgroup}/cgroup.procs; exec ip netns exec "$@"`;
  const program = [hosts.client, process.execPath, traffic, "resolve", hosts.serverAddress, "www.example"];
  const child = spawn("sh", ["-c", enter, "sh", ...program], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  await said(child, "resolved");
  child.kill("SIGKILL");
  await once(child, "exit");
  watch.poll();
  const found = watch.asked.find(({ name }) => name === "www.example");
  assert.deepEqual([found?.peer.kind, found?.peer.id], ["container", `container:${node}/${id}`]);
  assert.equal(found?.queryCount, 2);
});

test("DNS messages that found no room are counted drops: each is looked at or counted, once", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  const count = 4000; // the room is for some 1,600 of them
  await said(run(hosts, hosts.client, "flood", hosts.serverAddress, 53, count, 600), "sent");
  watch.poll();
  const lost = watch.drops.get("dns_lost") ?? 0;
  const { malformedCount } = watch.agent.status().dns;
  assert.ok(lost > 0 && malformedCount > 0, `${lost} lost, ${malformedCount} looked at`);
  assert.ok(malformedCount + lost >= count, `${malformedCount} looked at and ${lost} lost of ${count}`);
  watch.poll();
  assert.ok((watch.drops.get("dns_lost") ?? 0) - lost < 100, "not counted again, but others' may come");
});

test("flows whose hashes meet keep their own figures, and what is beyond the bound of one hash is counted", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  // The factor beside a flow's ports becomes 17 - 17: UDP flows between two addresses all have one hash.
  const hashKeys = new Uint32Array(14).fill(0x9e3779b9);
  hashKeys[5] = -udp;
  const observer = createDatagramObserver({
    ...{ flowsMax: 1000, withFlows: true, withDns: false, cgroupRoot: facts.cgroupRoot, hashKeys },
  });
  t.after(() => observer.stop());
  observer.start();
  const ports = [ownPort(10), ownPort(11), ownPort(12), ownPort(13), ownPort(14)];
  for (const port of ports) await said(run(hosts, hosts.server, "answer", port, 300), "listening");
  for (const port of ports)
    await said(
      run(hosts, hosts.client, "ask", hosts.serverAddress, port, port - ownPort(0), 100),
      "answered",
    );
  observer.walk();
  const seen: [server: boolean, port: number, sent: number, received: number][] = [];
  observer.drain(({ localPort, remotePort, packetsSent, packetsReceived }) => {
    if (ports.includes(localPort)) seen.push([true, localPort, packetsSent, packetsReceived]);
    if (ports.includes(remotePort)) seen.push([false, remotePort, packetsSent, packetsReceived]);
  });
  const followed = ports.slice(0, 4).map((port) => [port, port - ownPort(0), port - ownPort(0)] as const);
  assert.deepEqual(
    seen.sort((a, b) => Number(a[0]) - Number(b[0]) || a[1] - b[1]),
    [false, true].flatMap((isServer) => followed.map((figures) => [isServer, ...figures])),
  );
  // At least, since other tests' flows may meet each other as well.
  assert.ok(observer.losses().tableFull >= 4 * 14, "14 questions and answers, at both ends");
});

/** The compiled programs with a first instruction in the section of `follow_ingress` that no kernel takes. */
function spoiltPrograms(): Uint8Array {
  const elf = readFileSync(new URL("../src/observe/bpf/datagram.bpf.o", import.meta.url));
  // Elf64_Ehdr: e_shoff at 40, e_shentsize at 58, e_shnum, e_shstrndx; Elf64_Shdr: sh_name, sh_offset at 24.
  const headerAt = (i: number) => Number(elf.readBigUInt64LE(40)) + i * elf.readUInt16LE(58);
  const offsetOf = (i: number) => Number(elf.readBigUInt64LE(headerAt(i) + 24));
  const nameAt = (i: number) => offsetOf(elf.readUInt16LE(62)) + elf.readUInt32LE(headerAt(i));
  const section = Array.from({ length: elf.readUInt16LE(60) }, (_, i) => i).find((i) =>
    elf.subarray(nameAt(i)).toString("latin1", 0, 21).startsWith("cgroup_skb/ingress\0"),
  )!;
  elf.fill(0xff, offsetOf(section), offsetOf(section) + 8);
  return elf;
}

test("where the kernel refuses the faster programs the slower ones count, and it is said", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const observer = createDatagramObserver({
    ...{ flowsMax: 1000, withFlows: true, withDns: false, cgroupRoot: facts.cgroupRoot },
    elf: spoiltPrograms(),
  });
  t.after(() => observer.stop());
  observer.start();
  assert.match(String(observer.refusal), /bpf object datagram: EINVAL/);
  assert.match(slowerDatagrams("6.1", observer.refusal!).reason, /did not take the faster programs .*EINVAL/);
  const hosts = createHosts(t);
  await said(run(hosts, hosts.server, "answer", ownPort(17), 300), "listening");
  await said(run(hosts, hosts.client, "ask", hosts.serverAddress, ownPort(17), 100, 100), "answered");
  observer.walk();
  const seen: number[] = [];
  observer.drain(({ remotePort, packetsSent, packetsReceived }) => {
    if (remotePort === ownPort(17)) seen.push(packetsSent, packetsReceived);
  });
  assert.deepEqual(seen, [100, 100]);
});

/** Ports of the flows that have a seat, by the socket's cookie; 0 of one that was taken back. */
function readSeats(): { local: number; remote: number; socket: number }[] {
  const own = new Set(heldBpf(process.pid).flatMap(({ kind, id }) => (kind === "map" ? [Number(id)] : [])));
  const json = (...parameters: string[]) =>
    JSON.parse(execFileSync("bpftool", ["-j", "map", ...parameters], { maxBuffer: 1e9, encoding: "utf8" }));
  const maps = json("show") as { id: number; name?: string }[];
  const { id } = maps.find((map) => map.name === "seats" && own.has(map.id))!;
  const rows = json("dump", "id", String(id)) as { value: string[] }[];
  return rows.flatMap(({ value }) => {
    const view = new DataView(Uint8Array.from(value, Number).buffer); // struct seat of datagram-seat.h
    if (view.getBigUint64(80, true) === 0n) return [];
    const [local, remote] = [view.getUint16(88, true), view.getUint16(90, true)];
    return [{ local, remote, socket: Number(view.getBigUint64(40, true)) }];
  });
}

const [major = 0, minor = 0] = facts.release.split(".").map(Number);
const hasNoSeats =
  major < 6 || (major === 6 && minor < 2) ? `Linux ${facts.release} gives no seats, 6.2 does` : false;

test("a busy flow has a seat, and is exact when it gets it, has it, loses it to another socket, and rests", {
  skip: skip || hasNoSeats,
  timeout: 60_000,
}, async (t) => {
  for (const [family, address, headers] of [
    ["udp4", "127.0.0.1", headers4],
    ["udp6", "::1", headers6],
  ] as const)
    await t.test(family, async (t) => {
      const observer = createDatagramObserver({
        ...{
          flowsMax: 1000,
          withFlows: true,
          withDns: true,
          cgroupRoot: facts.cgroupRoot,
          udpIdleSeconds: 3,
        },
      });
      t.after(() => observer.stop());
      observer.start();
      const ports = {
        client: ownPort(family === "udp4" ? 30 : 31),
        server: ownPort(family === "udp4" ? 32 : 33),
      };
      const open = async (port: number) => {
        const socket = createSocket(family);
        t.after(() => socket.close());
        await new Promise<void>((bound) => socket.bind(port, address, () => bound()));
        return socket;
      };
      const server = await open(ports.server);
      server.on("message", (data, from) => server.send(data.subarray(1), from.port, from.address));
      let sent = { packets: 0, bytes: 0 };
      /** Each after the answer to the one before, so that the kernel gives up none. */
      async function talk(socket: Socket, count: number): Promise<void> {
        for (let i = 0; i < count; i++) {
          const answered = once(socket, "message");
          socket.send(Buffer.alloc(10 + i), ports.server, address);
          await answered;
          sent = { packets: sent.packets + 1, bytes: sent.bytes + 10 + i + headers };
        }
      }
      const none = () => ({ sent: { packets: 0, bytes: 0 }, received: { packets: 0, bytes: 0 } });
      const seen = { client: none(), server: none() };
      function look(): void {
        observer.walk();
        observer.drain((report) => {
          const { localPort, remotePort } = report;
          const isClient = localPort === ports.client && remotePort === ports.server;
          if (!isClient && !(localPort === ports.server && remotePort === ports.client)) return;
          const end = seen[isClient ? "client" : "server"];
          end.sent.packets += report.packetsSent;
          end.sent.bytes += report.bytesSent;
          end.received.packets += report.packetsReceived;
          end.received.bytes += report.bytesReceived;
        });
        const answers = { packets: sent.packets, bytes: sent.bytes - sent.packets };
        assert.deepEqual(seen, {
          client: { sent, received: answers },
          server: { sent: answers, received: sent },
        });
      }
      const seats = () =>
        readSeats()
          .filter(({ local, remote }) => local + remote === ports.client + ports.server)
          .map(({ local, socket }) => [local === ports.client ? "client" : "server", socket > 0]);

      const first = createSocket(family);
      await new Promise<void>((bound) => first.bind(ports.client, address, () => bound()));
      await talk(first, 20);
      look();
      assert.deepEqual(seats(), [], "not for a few packets");
      await talk(first, 200);
      look();
      const both = [
        ["client", true],
        ["server", true],
      ];
      assert.deepEqual(seats().toSorted(), both);
      await talk(first, 200);
      look();
      first.close();
      const second = await open(ports.client);
      await talk(second, 100);
      look();
      assert.deepEqual(seats().toSorted(), [["client", false], both[1]], "the seat was the other socket's");
      await talk(second, 100);
      look();
      await until("the second socket has a seat", async () => {
        await talk(second, 100);
        look();
        return seats().filter(([, isTaken]) => isTaken).length === 2 || undefined;
      });
      await talk(second, 100);
      look();
      await until("the flows have ended, and their seats are free", async () => {
        await delay(200);
        look();
        return seats().length === 0 || undefined;
      });
      await talk(second, 10);
      look();
    });
});

test("a flow's times are those of its packets, and one that rests is forgotten", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const observer = createDatagramObserver({
    ...{ flowsMax: 1000, withFlows: true, withDns: false, cgroupRoot: facts.cgroupRoot, udpIdleSeconds: 1 },
  });
  t.after(() => observer.stop());
  observer.start();
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  const clock = () => Number(process.hrtime.bigint());
  const send = () =>
    new Promise<void>((sent) => socket.send(Buffer.alloc(10), ownPort(15), "127.0.0.1", () => sent()));
  const times = [clock()];
  for (const _ of ["first", "last"]) {
    await send();
    times.push(clock());
    await delay(200);
    times.push(clock());
  }
  await delay(700); // a flow that was not answered is told when it is a second old
  const [began = 0, firstSent = 0, lastBegan = 0, lastSent = 0] = times;
  observer.walk();
  const seen: [first: number, last: number][] = [];
  const { port } = socket.address();
  observer.drain(({ localPort, firstSeenNanoseconds, lastSeenNanoseconds }) => {
    if (localPort === port) seen.push([firstSeenNanoseconds, lastSeenNanoseconds]);
  });
  const [[first, last] = [0, 0]] = seen;
  assert.equal(seen.length, 1);
  const ticks = 20e6; // two at 100 Hz: times are exact to one
  assert.ok(first >= began - ticks && first <= firstSent, `${first} is not in ${began}..${firstSent}`);
  assert.ok(
    last >= lastBegan - ticks && last <= lastSent + ticks,
    `${last} is not in ${lastBegan}..${lastSent}`,
  );
  await until(
    "the flow is gone, so that its next packet is the first of one",
    async () => {
      await delay(1500);
      observer.walk();
      observer.drain(() => {});
      await send();
      await delay(950);
      observer.walk();
      let isAgainFirst = false;
      observer.drain((report) => {
        isAgainFirst ||= report.localPort === port && report.isFirst;
      });
      return isAgainFirst || undefined;
    },
    3,
  );
});

test("programs that others attached before and after it go on, and it beside them", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const [before, after] = [new EmptyHook(facts.cgroupRoot), new EmptyHook(facts.cgroupRoot)];
  const disable = enableBpfStatistics();
  t.after(() => {
    for (const hook of [before, after]) hook.close();
    disable();
  });
  before.attach();
  const watch = createWatch(t);
  after.attach();
  const counted = [before, after].map((hook) => hook.runs.count);
  await said(run(hosts, hosts.server, "answer", ownPort(7), 300), "listening");
  await said(run(hosts, hosts.client, "ask", hosts.serverAddress, ownPort(7), 20, 100), "answered");
  watch.poll();
  watch.poll();
  assert.deepEqual(watch.totals(udp, ownPort(7), "client").sent, [20, 20 * (100 + headers4)]);
  for (const [i, hook] of [before, after].entries()) {
    assert.equal(hook.attached().filter((id) => id === hook.id).length, 2, "still attached, in and out");
    assert.ok(hook.runs.count - counted[i]! >= 80, "20 questions and answers, in and out");
  }
  watch.agent.stop();
  for (const hook of [before, after])
    assert.equal(hook.attached().filter((id) => id === hook.id).length, 2, "and when the agent is gone");
});

const hasBpftool = spawnSync("bpftool", ["version"]).status === 0;

test("killed, it leaves nothing attached", {
  skip: skip || (!hasBpftool && "bpftool is not installed"),
  timeout: 60_000,
}, async (t) => {
  const attachedIds = () =>
    (
      JSON.parse(
        execFileSync("bpftool", ["-j", "cgroup", "show", facts.cgroupRoot], { encoding: "utf8" }).trim() ||
          "[]",
      ) as { id: number; name: string }[]
    )
      .filter(({ name }) => ["follow_ingress", "follow_egress", "own_socket"].includes(name))
      .map(({ id }) => id);
  /** An agent, and the ids of what it attached: agents of other tests come and go meanwhile. */
  async function startAgent() {
    const child = spawn(process.execPath, [agentProcess], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    await said(child, "on on on");
    const programs = new Set(heldBpf(child.pid!).map(({ program }) => program));
    return { child, ids: attachedIds().filter((id) => programs.has(id)) };
  }
  const isAttached = (ids: readonly number[]) => {
    const now = attachedIds();
    return ids.map((id) => now.includes(id));
  };
  const [other, own] = [await startAgent(), await startAgent()];
  assert.deepEqual([other.ids.length, own.ids.length], [3, 3]);
  assert.deepEqual(isAttached(other.ids), [true, true, true], "attached beside whatever else is there");
  own.child.kill("SIGKILL");
  await once(own.child, "exit");
  await until("its programs are gone", () => !isAttached(own.ids).includes(true) || undefined);
  assert.deepEqual(isAttached(other.ids), [true, true, true], "the other agent's are still there");
  for (const id of own.ids)
    await until(
      `program ${id} is freed`,
      () => spawnSync("bpftool", ["prog", "show", "id", String(id)]).status !== 0 || undefined,
    );
});
