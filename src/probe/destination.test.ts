import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { openDestination } from "./destination.ts";

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
