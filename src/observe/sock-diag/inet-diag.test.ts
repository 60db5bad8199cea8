import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { formatAddress } from "../../flow/index.ts";
import { SocketMessage, tcpInfoLayout, tcpState, writeDumpRequest } from "./inet-diag.ts";
import { readSocket, writeSocket } from "./pretend-socket.ts";

test("a request asks for TCP of a family, with struct tcp_info, in the wanted states", () => {
  const request = writeDumpRequest(10, (1 << 1) | (1 << 10), 7);
  assert.deepEqual(
    [...request.subarray(0, 24)],
    [
      ...[72, 0, 0, 0, 20, 0, 0x01, 0x03, 7, 0, 0, 0, 0, 0, 0, 0], // struct nlmsghdr
      ...[10, 6, 2, 0, 0x02, 0x04, 0, 0], // family, IPPROTO_TCP, INET_DIAG_INFO, states
    ],
  );
  assert.deepEqual(request.subarray(24), new Uint8Array(48));
});

const header = "/usr/include/linux/tcp.h";
test("struct tcp_info is laid out as the kernel's header has it", {
  skip: !existsSync(header) && `${header} is not installed`,
}, () => {
  const body = /struct tcp_info \{([\s\S]*?)\n\};/.exec(readFileSync(header, "utf8"))![1]!;
  const widths: Readonly<Record<string, number>> = { __u8: 1, __u32: 4, __u64: 8 };
  const offsets = new Map<string, number>();
  let offset = 0;
  for (const [, type = "", members = ""] of body.matchAll(/^\s*(__u\d+)\s+([^;]+);/gm)) {
    // The bit fields share one byte for each line.
    offsets.set(members.replace(/^tcpi_/, ""), offset);
    assert.equal(offset % widths[type]!, 0, `${members} would be padded`);
    offset += widths[type]!;
  }
  for (const [name, at] of Object.entries(tcpInfoLayout)) assert.equal(offsets.get(name), at, name);
});

test("a socket is read whole", () => {
  const message = readSocket({
    ...{ local: ["192.0.2.7", 51_234], remote: ["198.51.100.9", 443], cookie: 77, inode: 4_000_000_000 },
    ...{ cgroupId: 2n ** 40n + 5n, state: tcpState.closeWait, rtt: 1500, minRtt: 900, totalRetransmits: 3 },
    ...{ acked: 2 ** 40, received: 2 ** 41 + 1, sent: 2 ** 42, sentAgain: 1400, segmentsOut: 10 },
    ...{ segmentsIn: 11, notSent: 12, receiveQueue: 13, writeQueue: 14, lastAckReceived: 15 },
  });
  assert.equal(formatAddress(message.localAddress), "192.0.2.7");
  assert.equal(formatAddress(message.remoteAddress), "198.51.100.9");
  const { localPort, remotePort, cookieLow, inode, cgroupId, state, rtt, minRtt, totalRetransmits } = message;
  assert.deepEqual(
    [localPort, remotePort, cookieLow, inode, cgroupId, state, rtt, minRtt, totalRetransmits],
    [51_234, 443, 77, 4_000_000_000, 2 ** 40 + 5, 8, 1500, 900, 3],
  );
  const { bytesAcked, bytesReceived, segmentsOut, segmentsIn, notSentBytes } = message;
  assert.deepEqual(
    [bytesAcked, bytesReceived, segmentsOut, segmentsIn, notSentBytes],
    [2 ** 40, 2 ** 41 + 1, 10, 11, 12],
  );
  assert.deepEqual(
    [message.receiveQueueBytes, message.writeQueueBytes, message.lastAckReceived],
    [13, 14, 15],
  );
  assert.equal(message.payloadSent(true), 2 ** 42 - 1400);
  const six = readSocket({ family: 10, local: ["2001:db8::1", 80], remote: ["::ffff:192.0.2.1", 9] });
  assert.equal(formatAddress(six.localAddress), "2001:db8::1");
  assert.equal(formatAddress(six.remoteAddress), "192.0.2.1");
});

test("what a kernel's struct tcp_info lacks is 0, and what was sent is what was acknowledged", () => {
  const socket = { acked: 1001, received: 7, segmentsOut: 5, sent: 5000, sentAgain: 100 };
  const old = readSocket({ ...socket, infoBytes: 192 }); // Linux 4.9
  assert.deepEqual([old.hasInfo, old.hasBytesSent, old.bytesSent, old.segmentsOut], [true, false, 0, 5]);
  assert.equal(old.payloadSent(true), 1000, "a client's SYN was acknowledged too");
  assert.equal(old.payloadSent(false), 1001);
  assert.equal(readSocket({ ...socket, infoBytes: 192, state: tcpState.finWait2 }).payloadSent(true), 999);
  assert.equal(readSocket({ infoBytes: 0 }).hasInfo, false, "TIME_WAIT");
  assert.equal(readSocket({ ...socket, infoBytes: 100 }).hasInfo, false);
  assert.equal(readSocket({ ...socket, infoBytes: 216 }).payloadSent(false), 4900);
});

test("nothing of the message before is left", () => {
  const message = readSocket({ cgroupId: 5n, sent: 10, rtt: 3 });
  const bytes = writeSocket({ infoBytes: 0 });
  assert.ok(message.read(bytes, 0, bytes.length));
  assert.deepEqual([message.cgroupId, message.bytesSent, message.rtt, message.hasInfo], [0, 0, 0, false]);
});

test("every truncation is refused, or read without what is cut off", () => {
  const bytes = writeSocket({ sent: 100, cgroupId: 9n, infoBytes: 232 });
  const message = new SocketMessage();
  for (let length = 0; length < bytes.length; length++) {
    const isRead = message.read(bytes.slice(0, length), 0, length);
    assert.equal(isRead, length >= 72, `${length} bytes`);
    if (isRead) assert.equal(message.hasInfo, length >= 72 + 4 + 4 + 232, `${length} bytes`);
    if (isRead) assert.equal(message.cgroupId, 0, `${length} bytes`);
  }
  assert.equal(message.read(bytes, 0, bytes.length + 1), false, "beyond the bytes");
  assert.equal(message.read(bytes, -1, bytes.length), false);
});

test("random bytes are read within their bounds, or refused", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = generator(seed);
  const message = new SocketMessage();
  const whole = writeSocket({ sent: 9, cgroupId: 4n });
  for (let round = 0; round < 20_000; round++) {
    const bytes = whole.slice(0, 60 + Math.floor(random() * (whole.length - 60)));
    for (let i = 0; i < 6; i++) bytes[Math.floor(random() * bytes.length)] = random() * 256;
    // What lies around must not be read: it would show as numbers that were not there.
    const around = new Uint8Array(bytes.length + 400).fill(0xee);
    around.set(bytes, 200);
    const alone = message.read(bytes, 0, bytes.length) && JSON.stringify(message);
    const among = message.read(around, 200, 200 + bytes.length) && JSON.stringify(message);
    assert.equal(among, alone, `SEED=${seed}`);
    for (const value of Object.values(message))
      if (typeof value === "number") assert.ok(Number.isFinite(value) && value >= 0, `SEED=${seed}`);
  }
});

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
