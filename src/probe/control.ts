import { chmodSync, lstatSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { describeFlow } from "./describe-flow.ts";
import type { Probe } from "./probe.ts";
import type { KernelCounts } from "./statistics.ts";

/** What the words of softflowctl can do to a probe that runs. */
export interface ControlActions {
  readonly probe: Probe;
  readonly startedMilliseconds: number;
  kernelCounts(): KernelCounts | undefined;
  /** Whether packets are looked at. */
  gather(isWanted: boolean): void;
  debug(step: number): void;
  /** Reports all flows, or forgets them, and ends. */
  shutdown(withReport: boolean): void;
}

export interface ControlSocket {
  start(): Promise<void>;
  stop(): Promise<void>;
}

const wordBytesMax = 1024;
const idleMilliseconds = 10_000;
/** Flows written at a time: a reader that is slow holds up itself alone. */
const dumpRows = 512;
const helpText = `Valid control words are:
	debug+ debug- delete-all dump-flows exit expire-all
	shutdown start-gather statistics stop-gather timeouts
	send-template
`;

/**
 * The socket that softflowctl speaks to: a word and a line's end in, text out, and the connection is closed. Whoever may open the socket
 * may end the probe, so that only its owner may.
 */
export function createControlSocket(path: string, actions: ControlActions): ControlSocket {
  let server: Server | undefined;
  return {
    async start() {
      await makeWay(path);
      server = createServer({ allowHalfOpen: true }, (socket) => answer(socket, actions));
      server.maxConnections = 16;
      await new Promise<void>((resolve, reject) => {
        server!.once("error", reject).listen(path, resolve);
      });
      chmodSync(path, 0o600);
    },
    async stop() {
      server?.close();
    },
  };
}

/**
 * Removes a socket left by a probe that did not end by itself. Throws an Error when another answers there, which would count everything a second
 * time, or when what is there is no socket.
 */
async function makeWay(path: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isSocket())
    throw new Error(
      `control socket ${path}: there is a file that is no socket; choose another place with -c`,
    );
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = createConnection(path);
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
  });
  if (code === undefined)
    throw new Error(
      `control socket ${path}: another probe answers there; softflowctl -c ${path} shutdown ends it, and -c chooses another place for this one`,
    );
  if (code === "EACCES") throw new Error(`control socket ${path}: there is one of another user's`);
  rmSync(path, { force: true });
}

function answer(socket: Socket, actions: ControlActions): void {
  let text = "";
  socket.setTimeout(idleMilliseconds, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    text += chunk;
    if (text.length > wordBytesMax) socket.destroy();
    else if (text.includes("\n")) {
      socket.removeAllListeners("data");
      obey(text.slice(0, text.indexOf("\n")).trim(), socket, actions);
    }
  });
}

function obey(word: string, socket: Socket, actions: ControlActions): void {
  const { probe } = actions;
  const say = (text: string) => socket.end(`softflowd[${process.pid}]: ${text}\n`);
  switch (word) {
    case "help":
      socket.end(helpText);
      return;
    case "shutdown":
      say("Shutting down gracefully...");
      actions.shutdown(true);
      return;
    case "exit":
      say("Now exiting...");
      actions.shutdown(false);
      return;
    case "expire-all":
      say(`Expired ${probe.expireAll()} flows.`);
      return;
    case "delete-all":
      say(`Deleted ${probe.table.deleteAll()} flows.`);
      return;
    case "send-template":
      probe.exporter.repeatTemplates();
      say("Template will be sent at next flow export");
      return;
    case "statistics":
      say(formatStatistics(actions));
      return;
    case "timeouts":
      say(formatTimeouts(actions));
      return;
    case "debug+":
      actions.debug(1);
      say("Debug level increased.");
      return;
    case "debug-":
      actions.debug(-1);
      say("Debug level decreased.");
      return;
    case "stop-gather":
      actions.gather(false);
      say("Data collection stopped.");
      return;
    case "start-gather":
      actions.gather(true);
      say("Data collection resumed.");
      return;
    case "dump-flows":
      void dumpFlows(socket, actions);
      return;
    default:
      socket.end(`Unknown control command "${word}"\n`);
  }
}

function formatStatistics({ probe, startedMilliseconds, kernelCounts }: ControlActions): string {
  const since = `${new Date(startedMilliseconds).toISOString().slice(0, 19)} UTC`;
  const text = probe.statistics.format(probe.table, probe.exporter.counts, kernelCounts());
  return `Accumulated statistics since ${since}:\n${text}`;
}

function formatTimeouts({ probe }: ControlActions): string {
  const { timeouts } = probe.table.config;
  const line = (name: string, seconds: number) => `${name.padStart(22)}: ${seconds}s`;
  return [
    "Printing timeouts:",
    line("TCP timeout", timeouts.tcp),
    line("TCP post-RST timeout", timeouts["tcp.rst"]),
    line("TCP post-FIN timeout", timeouts["tcp.fin"]),
    line("UDP timeout", timeouts.udp),
    line("ICMP timeout", timeouts.icmp),
    line("General timeout", timeouts.general),
    line("Maximum lifetime", timeouts.maxlife),
    line("Expiry interval", timeouts.expint),
  ].join("\n");
}

async function dumpFlows(socket: Socket, { probe }: ControlActions): Promise<void> {
  const { table } = probe;
  socket.write(`softflowd[${process.pid}]: Dumping flow data:\n`);
  const rows: number[] = [];
  table.visit((row) => void rows.push(row));
  for (let at = 0; at < rows.length && !socket.destroyed; at += dumpRows) {
    const text = rows
      .slice(at, at + dumpRows)
      .filter((row) => table.isUsed(row)) // others may have ended meanwhile
      .map((row, i) => {
        const seconds = Math.max(0, Math.round((table.deadlineOf(row).time - table.now) / 1000));
        const number = at + i + 1;
        return `ACTIVE seq:${number} ${describeFlow(table, row)}\nEXPIRY EVENT for flow ${number} in ${seconds} seconds\n\n`;
      })
      .join("");
    if (!socket.write(text))
      await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
  }
  socket.end();
}
