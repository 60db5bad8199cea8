import { once } from "node:events";
import { connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { prefix } from "./world.ts";

/** The right to make, keep or remove the world. The kernel takes it back when its holder ends, however it ends. */
export interface Holding {
  release(): void;
}

export interface Holder {
  readonly process: number;
  readonly isCleaning: boolean;
}

/** An abstract address: no file that could be left behind. */
const address = `\0${prefix}`;
const cleaningSeconds = 15;

/** Takes the right, waiting for who only cleans up; otherwise says who has it. */
export async function holdDemo(isCleaning = false): Promise<Holding | Holder> {
  for (let tries = 0; ; tries++) {
    const holding = await tryHold({ process: process.pid, isCleaning });
    if (holding !== undefined) return holding;
    const holder = await askHolder();
    if (holder !== undefined && (!holder.isCleaning || tries >= cleaningSeconds * 10)) return holder;
    await sleep(100);
  }
}

export function isHolder(answer: Holding | Holder): answer is Holder {
  return "process" in answer;
}

async function tryHold(holder: Holder): Promise<Holding | undefined> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(JSON.stringify(holder));
  });
  server.listen(address);
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
  server.unref();
  return { release: () => void server.close() };
}

/** Undefined when the holder went meanwhile. */
async function askHolder(): Promise<Holder | undefined> {
  try {
    return JSON.parse(await text(connect(address))) as Holder;
  } catch {
    return undefined;
  }
}
