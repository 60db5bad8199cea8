import type { ClientRequest, IncomingMessage } from "node:http";
import { isIP } from "node:net";

export interface TransportConfig {
  /** Of the server, such as https://portolan.example:8080; what is below the path `api` is ours. */
  readonly server: URL;
  readonly token: string | undefined;
  /** Asked for the token anew when the server does not let it in: whoever changes it changes it here and there, not at once. */
  readonly renewToken?: (() => string | undefined) | undefined;
  /** PEM of who vouches for the server, beside those Node knows. */
  readonly ca: string | undefined;
  readonly timeoutMilliseconds: number;
  /**
   * A connection is there within this time after its address is known, or is tried anew: one to a Service whose pod has gone is led to where
   * nobody answers for as long as it is tried, however soon another pod is there. The look-up has its own time: the C library asks the second
   * name server after five seconds (resolv.conf(5), timeout).
   */
  readonly connectMilliseconds: number;
  readonly connectionsMax: number;
}

/**
 * What became of a message. `refused`: it will never be taken. `later`: nothing is wrong with it, nor with us. `blocked`: somebody has
 * to change something.
 */
export interface SendOutcome {
  readonly kind: "durable" | "refused" | "later" | "blocked";
  readonly reason: string;
  readonly retryAfterMilliseconds?: number | undefined;
  /** Which start of the server answered, when it is durable; "" of a server that does not say. */
  readonly serverEpoch?: string | undefined;
}

interface Exchanged {
  readonly response: IncomingMessage;
  readonly text: string;
}

export interface Transport {
  /** Never rejects. `body` is compressed with zstd. */
  send(sequence: number, body: Uint8Array): Promise<SendOutcome>;
  /** Ends what is on its way. */
  close(): void;
}

const answerBytesMax = 64 * 1024;
const retryAfterMaxMilliseconds = 600_000;
/** Codes with which a server says that a message will never be taken (docs/formats/ingest.md). */
const refusals: ReadonlySet<unknown> = new Set(["message_invalid", "message_too_large", "encoding_unknown"]);
/** What stands between agent and server answers so as well, of every message or of all that are large: it is to be changed. */
const hints: Readonly<Record<number, string>> = {
  400: ": is --server right, and https where the port wants it?",
  404: ": is --server its address, and no page's or proxy's?",
  413: ": does a proxy limit bodies (nginx: client_max_body_size)?",
};

/** Messages over HTTP, on connections that are kept. */
export function createTransport(config: TransportConfig): Transport {
  const { server, ca, timeoutMilliseconds, connectMilliseconds, connectionsMax } = config;
  let { token } = config;
  const isSecure = server.protocol === "https:";
  // The one that is needed, and not by `import`, which reads everything it exports: WebSocket among it, 14 MB of memory.
  const { Agent, request: ask } = process.getBuiltinModule(isSecure ? "node:https" : "node:http");
  const options = { keepAlive: true, maxSockets: connectionsMax, scheduling: "lifo" as const };
  const agent = new Agent({ ...options, ...(ca === undefined ? {} : { ca }) });
  const url = new URL("api/v1/ingest", server.href.endsWith("/") ? server : `${server.href}/`);
  const isAddress = isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0;
  const open = new Set<ClientRequest>();

  /** Nobody who waits for the answer has the body: it is free when it was sent, which is seconds before a server has stored it. */
  async function exchange(body: Uint8Array): Promise<Exchanged> {
    const request = ask(url, { method: "POST", agent, headers: headersOf(body) });
    const answered = answerTo(request);
    request.end(body);
    return answered; // without await, so that this call has ended
  }

  function headersOf({ length }: Uint8Array): Record<string, string | number> {
    return {
      "content-type": "application/x-protobuf",
      "content-encoding": "zstd",
      "content-length": length,
      "portolan-sent": Date.now(),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
  }

  function answerTo(request: ClientRequest): Promise<Exchanged> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => request.destroy(new Error(`no answer within ${timeoutMilliseconds / 1000} s`)),
        timeoutMilliseconds,
      );
      let connecting: NodeJS.Timeout | undefined;
      open.add(request);
      request.once("socket", (socket) => {
        if (!socket.connecting) return;
        const limit = () => {
          connecting = setTimeout(
            () => request.destroy(new Error(`no connection within ${connectMilliseconds / 1000} s`)),
            connectMilliseconds,
          );
        };
        if (isAddress) limit();
        else socket.once("lookup", limit);
        socket.once("connect", () => clearTimeout(connecting));
      });
      request.once("close", () => {
        clearTimeout(timer);
        clearTimeout(connecting);
        open.delete(request);
        reject(new Error("the connection was closed before the whole answer")); // nothing, when it was there
      });
      request.once("error", reject);
      request.once("response", (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
          if (text.length > answerBytesMax) request.destroy(new Error("the answer is too long"));
        });
        response.once("end", () => resolve({ response, text }));
        response.once("error", reject);
        response.once("close", () => reject(new Error("the connection was closed before the whole answer")));
      });
    });
  }

  /** Looks for another token than the one that was shown. */
  function isReplaced(shown: string | undefined): boolean {
    token = config.renewToken?.() ?? token;
    return token !== shown;
  }

  async function outcomeOf(
    sequence: number,
    shown: string | undefined,
    exchanged: Promise<Exchanged>,
  ): Promise<SendOutcome> {
    try {
      const { response, text } = await exchanged;
      if (response.statusCode === 401 && isReplaced(shown))
        return { kind: "later", reason: "it answered 401; there is another token now" };
      return judge(response, text, sequence);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return {
        kind: isTrustError(code) ? "blocked" : "later",
        reason: message === "" ? (code ?? "no connection") : message,
      };
    }
  }

  return {
    send: (sequence, body) => outcomeOf(sequence, token, exchange(body)),
    close() {
      for (const request of open) request.destroy(new Error("the agent is stopping"));
      agent.destroy();
    },
  };
}

function judge(response: IncomingMessage, text: string, sequence: number): SendOutcome {
  const status = response.statusCode ?? 0;
  const answer = parse(text);
  if (status === 200 && answer.sequence === sequence) {
    const { serverEpoch } = answer;
    return { kind: "durable", reason: "", serverEpoch: typeof serverEpoch === "string" ? serverEpoch : "" };
  }
  const detail = typeof answer.detail === "string" ? `: ${printable(answer.detail)}` : "";
  const reason = `it answered ${status}${detail}`;
  if (status < 300) return { kind: "blocked", reason: `${reason}, but not as a Portolan server does` };
  const retryAfterMilliseconds = readRetryAfter(response.headers["retry-after"]);
  if (status === 408 || status === 429 || status >= 500)
    return { kind: "later", reason, retryAfterMilliseconds };
  if (!isAboutMessage(status) && !(status === 404 && !isOfPortolan(response)))
    return { kind: "blocked", reason, retryAfterMilliseconds };
  if (isOfPortolan(response) && refusals.has(answer.code)) return { kind: "refused", reason };
  return { kind: "blocked", reason: `${reason}, but not as a Portolan server does${hints[status] ?? ""}` };
}

function isAboutMessage(status: number): boolean {
  return status === 400 || status === 413 || status === 415;
}

/** RFC 9457. */
function isOfPortolan({ headers }: IncomingMessage): boolean {
  return /^application\/problem\+json\b/i.test(headers["content-type"] ?? "");
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** What a server says goes into the log: one line, not too long. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, " ").slice(0, 300);
}

/** Seconds, or a date (RFC 9110 §10.2.3). */
function readRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return milliseconds >= 0 ? Math.min(milliseconds, retryAfterMaxMilliseconds) : undefined;
}

function isTrustError(code: string | undefined): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|EPROTO/.test(code ?? "");
}
