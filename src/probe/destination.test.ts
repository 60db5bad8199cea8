import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { FlowBatch, parseAddress } from "../flow/index.ts";
import { defaultFlowWriterConfig } from "../netflow/index.ts";
import { openDestination } from "./destination.ts";
import { FlowExporter } from "./exporter.ts";

const [linkLocal] = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
  addresses.filter(({ address }) => address.startsWith("fe80:")).map(({ address }) => `${address}%${name}`),
);

test("a link-local destination is reached by the interface it names", {
  skip: linkLocal === undefined && "no interface has a link-local address",
  timeout: 10_000,
}, async (t) => {
  const socket = createSocket("udp6");
  t.after(() => socket.close());
  socket.bind(0, linkLocal);
  await once(socket, "listening");
  const { port } = socket.address();
  const options = { hopLimit: undefined, device: undefined, log: assert.fail, now: Date.now };
  const destination = await openDestination({ host: linkLocal!, port }, options);
  t.after(() => destination.close());
  assert.ok(destination.send(Uint8Array.of(0, 10)));
  const [message] = await once(socket, "message");
  assert.deepEqual([...message], [0, 10]);
});

test("a destination that refuses is told once a minute, and has the message at which it listens again", {
  timeout: 10_000,
}, async (t) => {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  const told: string[] = [];
  let now = 0;
  const destination = await openDestination(
    { host: "127.0.0.1", port },
    { hopLimit: undefined, device: undefined, log: (text) => told.push(text), now: () => now },
  );
  t.after(() => destination.close());
  const interfaces = [{ index: 1, name: "" }];
  const exporter = new FlowExporter(
    { writer: () => ({ ...defaultFlowWriterConfig, version: 5 }), isBalanced: false },
    interfaces,
    [destination],
  );
  const batch = new FlowBatch(1, { hasDetails: false });
  batch.append();
  for (const end of ["sourceAddress", "destinationAddress"] as const)
    batch.columns[end].set(parseAddress("192.0.2.1")!);
  const exportOne = () => {
    exporter.write(batch, new Uint16Array(1), now);
    exporter.flush(now);
  };
  exportOne(); // nobody has said yet that nobody listens
  assert.equal(exporter.counts.failureCount, 0);
  exportOne();
  now = 59_000;
  exportOne();
  assert.equal(exporter.counts.failureCount, 2);
  assert.equal(told.length, 1);
  assert.match(told[0]!, /refuses: nothing listens on that port/);
  now = 61_000;
  exportOne();
  assert.equal(told.length, 2);

  const listener = createSocket("udp4");
  t.after(() => listener.close());
  listener.bind(port, "127.0.0.1");
  await once(listener, "listening");
  exportOne(); // the kernel still tells of the one before
  const [message] = await once(listener, "message");
  assert.equal(message.readUInt32BE(16), 4, "the fifth record's sequence");
});

test("a destination that takes messages again has the templates at once, of its own stream only", () => {
  const ipfixTemplateSet = 2;
  const firstSets = (messages: Uint8Array[]) =>
    messages.splice(0, messages.length).map((bytes) => new DataView(bytes.buffer).getUint16(16));
  for (const isBalanced of [false, true]) {
    const sent: [Uint8Array[], Uint8Array[]] = [[], []];
    let isRefused = false;
    const destinations = sent.map((messages, i) => ({
      text: "",
      send(message: Uint8Array) {
        const isTaken = i === 1 || !isRefused;
        if (isTaken) messages.push(message.slice());
        return isTaken;
      },
    }));
    const writer = () => ({ ...defaultFlowWriterConfig, version: 10 as const, templateMessages: 1000 });
    const exporter = new FlowExporter({ writer, isBalanced }, [{ index: 1, name: "" }], destinations);
    const batch = new FlowBatch(1, { hasDetails: false });
    batch.append();
    for (const end of ["sourceAddress", "destinationAddress"] as const)
      batch.columns[end].set(parseAddress("192.0.2.1")!);
    const exportSome = () => {
      for (let i = 0; i < 100; i++) exporter.write(batch, new Uint16Array(1), 0);
      exporter.flush(0);
    };
    exportSome();
    assert.equal(firstSets(sent[0]).indexOf(ipfixTemplateSet), 0);
    firstSets(sent[1]);
    isRefused = true;
    exportSome();
    assert.deepEqual(sent[0], []);
    assert.ok(!firstSets(sent[1]).includes(ipfixTemplateSet));
    isRefused = false;
    exportSome();
    const sets = firstSets(sent[0]);
    assert.ok(sets.slice(0, 3).includes(ipfixTemplateSet), `balanced ${isBalanced}: ${sets}`);
    assert.equal(firstSets(sent[1]).includes(ipfixTemplateSet), !isBalanced);
    exportSome();
    assert.ok(!firstSets(sent[0]).includes(ipfixTemplateSet), "once");
  }
});
