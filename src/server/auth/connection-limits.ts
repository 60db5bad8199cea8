import { readFileSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { clientOfAddress } from "./client-limits.ts";

export interface ConnectionLimitsDependencies {
  log(message: string): void;
  /** Milliseconds of a clock that goes on. */
  now(): number;
}

interface Held {
  readonly socket: Socket;
  readonly client: Client;
  requests: number;
}

interface Client {
  /** Connections. */
  count: number;
  /** Those without an open request, the longest quiet first. */
  readonly quiet: Set<Held>;
}

/** Between two lines in the log. */
const tellMilliseconds = 60_000;

/**
 * Bounds the connections that are open, so that those who connect and say nothing do not take every file descriptor. One client address may
 * hold as many as it leaves free: half, when it is alone. Beyond it, and when there are too many in all, the longest quiet one is closed
 * for the one that comes; without a quiet one that is closed itself. `connections` at most, and half of the descriptors of this process.
 */
export function limitConnections(
  server: Server,
  connections: number,
  { log, now }: ConnectionLimitsDependencies,
): void {
  const connectionsMax = Math.min(connections, Math.floor(descriptorsMax() / 2));
  const clients = new Map<string, Client>();
  /** By remote address and port. */
  const held = new Map<string, Held>();
  const quiet = new Set<Held>();
  let closedCount = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  function begin(socket: Socket): void {
    const key = keyOf(socket);
    if (key === undefined) {
      socket.destroy(); // gone already
      return;
    }
    const who = clientOfAddress(socket.remoteAddress!);
    const client = clients.get(who) ?? { count: 0, quiet: new Set() };
    const isShareLeft = client.count < connectionsMax - held.size;
    const isFull = held.size >= connectionsMax;
    const victim = firstOf(isShareLeft ? [] : client.quiet) ?? firstOf(isFull ? quiet : []);
    if (victim !== undefined) close(victim.socket, socket);
    else if (!isShareLeft) {
      close(socket, socket);
      return;
    }
    clients.set(who, client);
    const one: Held = { socket, client, requests: 0 };
    client.count++;
    held.set(key, one);
    rest(one);
    socket.once("close", () => {
      held.delete(key);
      work(one);
      if (--client.count === 0) clients.delete(who);
    });
  }

  function close(socket: Socket, { remoteAddress }: Socket): void {
    const known = held.get(keyOf(socket) ?? "");
    if (known !== undefined) work(known); // it is chosen once
    socket.destroy();
    closedCount++;
    if (now() - toldAt < tellMilliseconds) return;
    toldAt = now();
    log(
      `http: ${held.size} connections are open, of at most ${connectionsMax}; to let in others, ${closedCount} that were quiet or one too many were closed, now for ${remoteAddress}, which may hold as many as it leaves free (limits.connections)`,
    );
    closedCount = 0;
  }

  function rest(one: Held): void {
    quiet.add(one);
    one.client.quiet.add(one);
  }

  function work(one: Held): void {
    quiet.delete(one);
    one.client.quiet.delete(one);
  }

  server.on("connection", begin);
  server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const one = held.get(keyOf(socket) ?? "");
    if (one === undefined) return;
    one.requests++;
    work(one);
    response.once("close", () => {
      if (--one.requests === 0 && !one.socket.destroyed) rest(one);
    });
  });
}

/** The same for a connection and for the TLS in it. */
function keyOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}

function firstOf<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}

/** RLIMIT_NOFILE, which Node raises as far as it may; a thousand where it is not told. */
function descriptorsMax(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return Number(found?.[1] ?? 1024);
  } catch {
    return 1024;
  }
}
