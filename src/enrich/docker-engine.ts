import type { ClientRequest, IncomingMessage } from "node:http";
import { asObject, containerNameOf } from "./container-text.ts";
import type { NameSource } from "./name-source.ts";

// Not by `import`, which reads everything the module exports: WebSocket among it, 14 MB of memory.
const { request } = process.getBuiltinModule("node:http");

export interface DockerEngineDependencies {
  /** Told of each name that is learned or changed. */
  onName(containerId: string, name: string): void;
  /** Said once per state: why there are no names. */
  log(message: string): void;
  readonly socketPath?: string;
  /** First pause before it is tried again; it doubles up to a minute. */
  readonly retryMilliseconds?: number;
  /** An engine that does not answer for as long is as good as none. */
  readonly answerMilliseconds?: number;
}

export interface DockerEngine {
  start(): void;
  stop(): void;
  status(): NameSource;
}

/** Where Docker listens unless told otherwise. */
export const dockerSocket = "/var/run/docker.sock";

/** The longest pause, in first ones: a minute. */
const pausesMax = 60;
/** About 8,000 containers. */
const listBytesMax = 16 * 1024 * 1024;
const eventLengthMax = 1024 * 1024;

const eventsPath = `/events?filters=${encodeURIComponent(
  JSON.stringify({ type: ["container"], event: ["create", "start", "rename"] }),
)}`;

/**
 * Names of containers as Docker's Engine API tells them: those that run, then each that starts or gets another name. Only
 * asks (GET); a connection that breaks is made again.
 */
export function createDockerEngine({
  onName,
  log,
  socketPath = dockerSocket,
  retryMilliseconds = 1000,
  answerMilliseconds = 10_000,
}: DockerEngineDependencies): DockerEngine {
  const pauseMax = retryMilliseconds * pausesMax;
  let session: Session | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pause = retryMilliseconds;
  let status = notAsked;

  /** Events first, so that nothing that starts while the list is read is missed. */
  function connect(): void {
    const mine: Session = { requests: [], end: (error) => disconnected(mine, error) };
    timer = undefined;
    session = mine;
    ask(mine, eventsPath, (events) => {
      events.socket.setTimeout(0); // nothing may happen for days
      readLines(events, takeEvent, mine.end);
      events.on("close", () => mine.end(new Error("the connection was closed")));
      ask(mine, "/containers/json", (list) => {
        readAll(list, takeList, mine.end);
      });
    });
  }

  function ask(mine: Session, path: string, onAnswer: (response: IncomingMessage) => void): void {
    const asked = request({ socketPath, path, agent: false, headers: { host: "docker" } });
    mine.requests.push(asked);
    asked.setTimeout(answerMilliseconds, () => mine.end(new Error("it does not answer")));
    asked.on("error", mine.end);
    asked.on("response", (response) => {
      response.on("error", mine.end);
      if (response.statusCode === 200) onAnswer(response);
      else mine.end(new Error(`it answers ${response.statusCode}`));
    });
    asked.end();
  }

  function disconnected(mine: Session, error: NodeJS.ErrnoException): void {
    if (session !== mine) return; // said already, or stopped
    leave();
    const { reason, remedy } = describeError(socketPath, error);
    const isAbsent = error.code === "ENOENT";
    const isNews = status.reason !== reason && (!isAbsent || status.state === "on");
    status = { name: "Docker", state: "off", reason, ...(remedy === undefined ? {} : { remedy }) };
    if (isNews) log(`container names: Docker: ${reason}${remedy === undefined ? "" : `; ${remedy}`}`);
    timer = setTimeout(connect, isAbsent ? pauseMax : pause).unref();
    pause = Math.min(pause * 2, pauseMax);
  }

  function leave(): void {
    const { requests = [] } = session ?? {};
    session = undefined;
    for (const asked of requests) asked.destroy();
  }

  function takeList(text: string): void {
    const containers = parse(text);
    if (!Array.isArray(containers)) {
      session?.end(new Error("its list of containers is not one"));
      return;
    }
    for (const each of containers) {
      const { Id, Names, Labels } = asObject(each) ?? {};
      const name = Array.isArray(Names) ? ownName(Names) : "";
      take(Id, asObject(Labels) ?? {}, name);
    }
    pause = retryMilliseconds;
    status = { name: "Docker", state: "on", reason: `${socketPath} answers` };
  }

  function takeEvent(line: string): void {
    const { Actor, id } = asObject(parse(line)) ?? {};
    const { ID, Attributes } = asObject(Actor) ?? {};
    const attributes = asObject(Attributes) ?? {};
    take(ID ?? id, attributes, typeof attributes.name === "string" ? attributes.name : "");
  }

  function take(id: unknown, labels: Record<string, unknown>, name: string): void {
    if (typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id)) return;
    const shown = containerNameOf(labels, name);
    if (shown !== "") onName(id, shown);
  }

  return {
    start() {
      if (session === undefined && timer === undefined) connect();
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
      leave();
      status = notAsked;
    },
    status: () => status,
  };
}

/** One go at Docker: its requests end together. */
interface Session {
  readonly requests: ClientRequest[];
  end(error: NodeJS.ErrnoException): void;
}

export const notAsked: NameSource = { name: "Docker", state: "off", reason: "not asked yet" };

/** Containers linked to from others have further names, with a slash: `/web`, `/shop/web`. */
function ownName(names: readonly unknown[]): string {
  const texts = names.filter((name) => typeof name === "string");
  return texts.find((name) => name.lastIndexOf("/") <= 0) ?? texts[0] ?? "";
}

function describeError(
  path: string,
  { code, message }: NodeJS.ErrnoException,
): { reason: string; remedy?: string } {
  switch (code) {
    case "ENOENT":
      return { reason: `there is no ${path}` };
    case "EACCES":
    case "EPERM":
      return { reason: `${path} may not be opened`, remedy: "run Portolan as root or in the group docker" };
    case "ECONNREFUSED":
      return { reason: `nobody listens on ${path}` };
    default:
      return { reason: `${path}: ${code ?? message}` };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readLines(
  response: IncomingMessage,
  take: (line: string) => void,
  onError: (error: Error) => void,
): void {
  let rest = "";
  response.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    if (rest.length > eventLengthMax) onError(new Error("it tells an event without end"));
  });
}

function readAll(
  response: IncomingMessage,
  take: (text: string) => void,
  onError: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > listBytesMax) onError(new Error("its list of containers is longer than 16 MiB"));
    else chunks.push(chunk);
  });
  response.on("end", () => take(Buffer.concat(chunks).toString("utf8")));
}
