/**
 * Sends datagrams over loopback with sendmmsg, so that the sender is not what is measured: `dgram` takes some 10 µs for each.
 * A process of its own, started by `sendDatagrams`.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { createFlowDatagrams, type FlowProtocol } from "./flow-datagrams.ts";

export interface Sending {
  readonly protocol: FlowProtocol;
  readonly ports: readonly number[];
  /** Datagrams to each port, templates aside. */
  readonly count: number;
  /** Datagrams a second to each port; 0 is as fast as can be. */
  readonly rate: number;
}

export interface Sent {
  readonly seconds: number;
}

const self = fileURLToPath(import.meta.url);

export async function sendDatagrams(sending: Sending): Promise<Sent> {
  const child = fork(self, [], { env: { ...process.env, SENDING: JSON.stringify(sending) } });
  const [sent] = (await once(child, "message")) as [Sent];
  await once(child, "exit");
  return sent;
}

const burst = 32;

function send({ protocol, ports, count, rate }: Sending): Sent {
  const libc = koffi.load("libc.so.6");
  const socket = libc.func("int socket(int family, int type, int protocol)");
  const sendMany = libc.func("int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)");
  const mmap = libc.func(
    "uintptr_t mmap(uintptr_t at, size_t length, int prot, int flags, int fd, long offset)",
  );
  const usleep = libc.func("int usleep(unsigned int microseconds)");
  const { announcements, data } = createFlowDatagrams(protocol, 512);
  const fd = socket(2, 2, 0);
  const all = [...announcements, ...data];

  /** One mmsghdr, iovec and sockaddr per datagram and port, written once. */
  const perMessage = 64 + 16 + 16;
  const dataBytes = all.reduce((sum, { length }) => sum + length, 0);
  const length = ports.length * all.length * perMessage + dataBytes;
  const address = BigInt(mmap(0, length, 3, 0x22, -1, 0));
  const memory = koffi.view(address, length) as ArrayBuffer;
  const view = new DataView(memory);
  const headers = ports.length * all.length * 64;
  const vectors = headers + ports.length * all.length * 16;
  let dataAt = ports.length * all.length * perMessage;
  const places = all.map((bytes) => {
    new Uint8Array(memory, dataAt).set(bytes);
    dataAt += bytes.length;
    return dataAt - bytes.length;
  });
  ports.forEach((port, p) => {
    all.forEach((bytes, i) => {
      const n = p * all.length + i;
      const [vector, name] = [headers + n * 16, vectors + n * 16];
      view.setBigUint64(n * 64, address + BigInt(name), true);
      view.setUint32(n * 64 + 8, 16, true);
      view.setBigUint64(n * 64 + 16, address + BigInt(vector), true);
      view.setBigUint64(n * 64 + 24, 1n, true);
      view.setBigUint64(vector, address + BigInt(places[i]!), true);
      view.setBigUint64(vector + 8, BigInt(bytes.length), true);
      view.setUint16(name, 2, true);
      view.setUint16(name + 2, port);
      view.setUint32(name + 4, 0x7f000001);
    });
  });

  const sendRun = (port: number, first: number, run: number) => {
    for (let done = 0; done < run; ) {
      const at = address + BigInt((port * all.length + first + done) * 64);
      const sent = sendMany(fd, at, run - done, 0) as number;
      if (sent <= 0) throw new Error(`sendmmsg: errno ${koffi.errno()}`);
      done += sent;
    }
  };
  ports.forEach((_, port) => {
    sendRun(port, 0, announcements.length);
  });
  const start = performance.now();
  for (let sent = 0; sent < count; ) {
    const due = rate === 0 ? count : Math.min(count, ((performance.now() - start) / 1000) * rate);
    if (due < sent + 1) {
      usleep(200);
      continue;
    }
    const at = sent % data.length;
    const run = Math.min(burst, Math.floor(due) - sent, data.length - at);
    ports.forEach((_, port) => {
      sendRun(port, announcements.length + at, run);
    });
    sent += run;
  }
  return { seconds: (performance.now() - start) / 1000 };
}

if (process.argv[1] === self && process.env.SENDING !== undefined) {
  const sent = send(JSON.parse(process.env.SENDING) as Sending);
  process.send!(sent, () => process.disconnect());
}
