import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";

/** A secret, or the file it is read from each time: such files are changed while programs run. */
export type Secret = { readonly text: string } | { readonly file: string };

export interface PostConfig {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly basicAuth?: { readonly username: string; readonly password: Secret } | undefined;
  readonly bearerToken?: Secret | undefined;
  /** Files in PEM; `ca` in place of the certificates the system trusts. */
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
        readonly insecure?: boolean | undefined;
      }
    | undefined;
}

export type PostResult =
  | { readonly kind: "sent" }
  /** Never to be sent again: the receiver does not want it. */
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "retry"; readonly reason: string; readonly retryAfterMilliseconds?: number };

export interface Post {
  (body: Uint8Array): Promise<PostResult>;
  /** Ends what is on its way. */
  close(): void;
}

const timeoutMilliseconds = 30_000;
const answerBytesMax = 300;

/** Posts bodies of remote write, one connection kept open. Reads files of certificates at once: throws when they cannot be read. */
export function createPost({ url, headers = {}, basicAuth, bearerToken, tls = {} }: PostConfig): Post {
  const isSecure = new URL(url).protocol === "https:";
  const read = (file: string | undefined) => (file === undefined ? {} : readFileSync(file));
  const agent = isSecure
    ? new https.Agent({
        keepAlive: true,
        maxSockets: 1,
        rejectUnauthorized: tls.insecure !== true,
        ...(tls.ca === undefined ? {} : { ca: read(tls.ca) as Buffer }),
        ...(tls.cert === undefined ? {} : { cert: read(tls.cert) as Buffer }),
        ...(tls.key === undefined ? {} : { key: read(tls.key) as Buffer }),
      })
    : new http.Agent({ keepAlive: true, maxSockets: 1 });

  async function authorization(): Promise<Record<string, string>> {
    if (bearerToken !== undefined) return { authorization: `Bearer ${await secretText(bearerToken)}` };
    if (basicAuth === undefined) return {};
    const pair = `${basicAuth.username}:${await secretText(basicAuth.password)}`;
    return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
  }

  async function post(body: Uint8Array): Promise<PostResult> {
    try {
      const answer = await exchange(body, await authorization());
      return judge(answer);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { kind: "retry", reason: code === undefined ? message : `${code} (${message})` };
    }
  }

  function exchange(body: Uint8Array, credentials: Record<string, string>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = (isSecure ? https : http).request(url, {
        agent,
        method: "POST",
        headers: {
          "user-agent": "portolan",
          ...headers,
          ...credentials,
          "content-type": "application/x-protobuf",
          "content-encoding": "snappy",
          "x-prometheus-remote-write-version": "0.1.0",
          "content-length": body.length,
        },
      });
      const timer = setTimeout(
        () => request.destroy(new Error("no answer within 30 s")),
        timeoutMilliseconds,
      );
      timer.unref();
      request.on("response", (response) => {
        void readAnswer(response).then(resolve, reject);
      });
      request.on("error", reject);
      request.on("close", () => clearTimeout(timer));
      request.end(body);
    });
  }

  return Object.assign(post, { close: () => agent.destroy() });
}

async function secretText(secret: Secret): Promise<string> {
  return "text" in secret ? secret.text : (await readFile(secret.file, "utf8")).trim();
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | undefined;
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  let text = "";
  response.setEncoding("utf8");
  for await (const part of response) if (text.length < answerBytesMax) text += part;
  const retryAfter = response.headers["retry-after"];
  return { status: response.statusCode ?? 0, text: text.trim().slice(0, answerBytesMax), retryAfter };
}

/** 429 and 5xx may be tried again; anything else but 2xx says that the request is not wanted, now or later. */
function judge({ status, text, retryAfter }: Answer): PostResult {
  if (status >= 200 && status < 300) return { kind: "sent" };
  const reason = `answered ${status}${text === "" ? "" : `: ${text.split("\n")[0]}`}`;
  if (status !== 429 && status < 500) return { kind: "refused", reason };
  const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter);
  const milliseconds = Number.isNaN(seconds) ? Date.parse(retryAfter ?? "") - Date.now() : seconds * 1000;
  return milliseconds >= 0
    ? { kind: "retry", reason, retryAfterMilliseconds: milliseconds }
    : { kind: "retry", reason };
}
