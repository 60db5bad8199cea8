import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import { FlowBatch } from "../flow/index.ts";
import type { TemplateDump } from "../netflow/index.ts";
import { type CollectorConfig, type FlowListener, isPortSharedWithIPv4 } from "./config.ts";
import { Intake } from "./intake.ts";
import { readKernelDrops } from "./kernel-drops.ts";
import { ListenError } from "./listen-error.ts";
import { RecentCounter } from "./recent.ts";
import type { Reception, ReceptionDependencies } from "./reception.ts";

/** Receives through `dgram`, in this thread: where the kernel's own calls cannot be had. */
export function createDgramReception(
  config: CollectorConfig,
  { deliver, observers, drop, now }: ReceptionDependencies,
): Reception {
  const { batchRows, hasDetails, listeners, receiveBufferBytes } = config;
  const intake = new Intake(config, new FlowBatch(batchRows, { hasDetails }), {
    observers,
    drop,
    handOn(batch) {
      deliver(batch);
      batch.clear();
      return batch;
    },
  });
  const kernelDrops = listeners.map(() => new RecentCounter());
  let sockets: Socket[] = [];

  function open(listener: FlowListener): Promise<Socket> {
    const { host, port, scheme = "flow" } = listener;
    const ipv6Only = isPortSharedWithIPv4(listener, listeners);
    const options: SocketOptions = host.includes(":") ? { type: "udp6", ipv6Only } : { type: "udp4" };
    const socket = createSocket(options);
    return new Promise((resolve, reject) => {
      socket.once("error", (error: NodeJS.ErrnoException) => {
        socket.close();
        reject(new ListenError(listener, error));
      });
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.removeAllListeners("error");
        // Errors of an open UDP socket are about single datagrams (ICMP answers); the next one is received all the same.
        socket.on("error", () => {});
        socket.on("message", (bytes, from) =>
          intake.take(bytes, plainAddress(from.address), from.port, scheme, now()),
        );
        growBuffer(socket, receiveBufferBytes);
        resolve(socket);
      });
    });
  }

  async function stop(): Promise<TemplateDump> {
    const closing = sockets.splice(0).map((socket) => new Promise<void>((closed) => socket.close(closed)));
    await Promise.all(closing);
    intake.flush();
    return intake.dumpTemplates();
  }

  return {
    async start() {
      const opened = await Promise.allSettled(listeners.map(open));
      sockets = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      const failed = opened.find((result) => result.status === "rejected");
      if (failed === undefined) return sockets.map((socket) => socket.address().port);
      await stop();
      throw failed.reason;
    },
    stop,
    flush: () => intake.flush(),
    async status(exportersMax) {
      return {
        ...intake.status(now(), exportersMax),
        listeners: sockets.map((socket, i) => {
          const { host } = listeners[i]!;
          const { port } = socket.address();
          const kernelDropCount = readKernelDrops(host, port);
          const receiveBufferBytes = socket.getRecvBufferSize();
          const drops = kernelDrops[i]!;
          if (kernelDropCount !== undefined) drops.add(kernelDropCount - drops.total, now());
          const recentKernelDropCount = kernelDropCount === undefined ? undefined : drops.recent(now());
          return { host, port, receiveBufferBytes, kernelDropCount, recentKernelDropCount };
        }),
      };
    },
    exporter: async (addressText) => intake.exporter(addressText, now()),
    dumpTemplates: async () => intake.dumpTemplates(),
    restoreTemplates: async (value) => intake.restoreTemplates(value, now()),
  };
}

/** An IPv6 socket shows IPv4 senders as ::ffff:a.b.c.d. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** Best effort: some kernels refuse instead of granting less. */
function growBuffer(socket: Socket, wantedBytes: number): void {
  try {
    socket.setRecvBufferSize(wantedBytes);
  } catch {
    return;
  }
}
