import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { test } from "node:test";
import { KernelError } from "../src/observe/kernel-error.ts";
import {
  messageFlag,
  readU32,
  writeAttribute,
  writeMessage,
} from "../src/observe/netlink/netlink-message.ts";
import { openNetlinkSocket } from "../src/observe/netlink/netlink-socket.ts";
import { ReceiveRoom } from "../src/observe/netlink/receive-room.ts";
import { createNamespaceFinder } from "../src/observe/network-namespaces.ts";
import { whyNoNamespaces } from "./namespaces.ts";

/** NETLINK_ROUTE, whose answers need no module and no traffic: the devices of a network namespace. */
const route = 0;
const getLink = 18;
const newLink = 16;
const deviceName = 3; // IFLA_IFNAME
const skip = whyNoNamespaces();
const blue = `ptl-nl-blue-${process.pid}`;
const bluePath = `/run/netns/${blue}`;
const ip = (...parameters: string[]) => execFileSync("ip", parameters);
const ownNamespace = () => readlinkSync("/proc/thread-self/ns/net");
const linkRequest = (family: number) =>
  writeMessage({
    type: getLink,
    flags: messageFlag.request | messageFlag.dump,
    sequence: 5,
    payload: [Uint8Array.of(family, ...new Array(15).fill(0))],
  });

test("the network door, in a namespace of one's choice", { skip }, async (t) => {
  ip("netns", "add", blue);
  t.after(() => spawnSync("ip", ["netns", "del", blue]));
  for (let i = 0; i < 100; i++)
    ip("-n", blue, "link", "add", `ptl${i}`, "type", "veth", "peer", "name", `ptlp${i}`);
  const room = new ReceiveRoom(4);
  t.after(() => room.free());

  await t.test("a dump of several datagrams is read to its end, and the thread is where it was", () => {
    const before = ownNamespace();
    const socket = openNetlinkSocket({ protocol: route, networkNamespace: bluePath });
    assert.equal(ownNamespace(), before);
    let count = 0;
    const result = socket.dump(linkRequest(0), room, (message) => {
      assert.equal(message.type, newLink);
      count++;
    });
    assert.equal(count, 201, "100 pairs and lo");
    assert.deepEqual(result, { isInterrupted: false });
    socket.close();
  });

  await t.test("the same from the own namespace, by path and without", () => {
    const index = Number(readFileSync("/sys/class/net/lo/ifindex", "utf8"));
    for (const networkNamespace of [undefined, `/proc/${process.pid}/ns/net`]) {
      const socket = openNetlinkSocket({ protocol: route, ...(networkNamespace && { networkNamespace }) });
      const indexes: number[] = [];
      socket.dump(linkRequest(0), room, ({ bytes, start }) => indexes.push(readU32(bytes, start + 4)));
      assert.equal(indexes.filter((each) => each === index).length, 1);
      socket.close();
    }
  });

  await t.test("what the kernel refuses is a KernelError with its code and words", () => {
    const socket = openNetlinkSocket({ protocol: route, networkNamespace: bluePath, isStrict: true });
    const wrong = writeMessage({
      type: getLink,
      flags: messageFlag.request | messageFlag.dump,
      sequence: 6,
      payload: [new Uint8Array(16), writeAttribute(deviceName, Uint8Array.of(0x61, 0))],
    });
    assert.throws(
      () => socket.dump(wrong, room, () => {}),
      (error) => error instanceof KernelError && error.code === "EINVAL" && /\(.+\)/.test(error.message),
    );
    let count = 0;
    socket.dump(linkRequest(0), room, () => count++);
    assert.equal(count, 201, "the socket goes on");
    socket.close();
  });

  await t.test("a path that is gone or no namespace: KernelError, and the thread is where it was", () => {
    const before = ownNamespace();
    const open = (networkNamespace: string) => openNetlinkSocket({ protocol: route, networkNamespace });
    assert.throws(
      () => open("/run/netns/ptl-nl-none"),
      (error) => error instanceof KernelError && error.code === "ENOENT",
    );
    assert.throws(
      () => open("/proc/self/ns/mnt"),
      (error) => error instanceof KernelError && error.code === "EINVAL",
    );
    // The id of a process that has ended may be another's, in another namespace, before it is looked at again.
    const found = { inode: statSync(bluePath).ino, path: bluePath };
    openNetlinkSocket({ protocol: route, networkNamespace: found }).close();
    assert.throws(
      () =>
        openNetlinkSocket({
          protocol: route,
          networkNamespace: { ...found, path: `/proc/${process.pid}/ns/net` },
        }),
      (error) => error instanceof KernelError && error.code === "ESTALE",
    );
    assert.throws(
      () => openNetlinkSocket({ protocol: 200, networkNamespace: bluePath }),
      (error) => error instanceof KernelError && error.code === "EPROTONOSUPPORT",
    );
    assert.equal(ownNamespace(), before);
  });

  await t.test("events arrive; a buffer that is too small is told apart from silence, and counted", () => {
    const socket = openNetlinkSocket({ protocol: route, networkNamespace: bluePath, receiveBufferBytes: 1 });
    socket.subscribe(1); // RTNLGRP_LINK
    assert.deepEqual(socket.receive(room), { count: 0, isOverrun: false });
    ip("-n", blue, "link", "set", "ptl0", "up");
    assert.ok(socket.receive(room).count > 0);
    assert.equal(room.isFromKernel(0), true);
    while (socket.receive(room).count > 0);
    const droppedBefore = socket.dropCount();
    for (let i = 0; i < 8; i++) ip("-n", blue, "link", "set", `ptl${i}`, "mtu", "1400");
    assert.deepEqual(socket.receive(room), { count: 0, isOverrun: true });
    assert.ok(socket.dropCount() > droppedBefore);
    assert.equal(socket.receive(room).isOverrun, false, "told once");
    socket.close();
  });

  await t.test("a filter keeps out what it returns 0 for", () => {
    const socket = openNetlinkSocket({ protocol: route, networkNamespace: bluePath });
    socket.attachFilter([[0x06, 0, 0, 0]]);
    socket.subscribe(1);
    ip("-n", blue, "link", "set", "ptl0", "down");
    assert.equal(socket.receive(room).count, 0);
    socket.attachFilter([[0x06, 0, 0, 0xffffffff]]);
    ip("-n", blue, "link", "set", "ptl0", "up");
    assert.ok(socket.receive(room).count > 0);
    socket.close();
  });

  await t.test("namespaces are found by process and by name, each once, the own first", async () => {
    const named = statSync(bluePath).ino;
    const findNamespaces = createNamespaceFinder();
    const find = () => findNamespaces(512).namespaces;
    assert.equal(`net:[${find()[0]?.inode}]`, ownNamespace());
    assert.equal(find()[0]?.path, "/proc/thread-self/ns/net", "a process that ends does not take it away");
    assert.deepEqual(
      find().filter(({ inode }) => inode === named),
      [{ inode: named, path: bluePath }],
    );
    const child = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec sleep 60"]);
    await once(child.stdout, "data");
    const theirs = Number(readlinkSync(`/proc/${child.pid}/ns/net`).slice(5, -1));
    const found = find();
    assert.equal(found.filter(({ inode }) => inode === theirs).length, 1);
    assert.equal(new Set(found.map(({ inode }) => inode)).size, found.length);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok(!find().some(({ inode }) => inode === theirs), "gone with its process");
    const few = findNamespaces(1);
    assert.equal(few.namespaces.length, 1);
    assert.ok(few.beyondCount >= 1);
  });
});
