import { once } from "node:events";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { OperatingError } from "../store/index.ts";
import type { Place } from "./query-flags.ts";

/** Whoever answers the API's requests: a server, or this program from a folder. */
export interface QuerySource {
  ask(path: string, parameters: Readonly<Record<string, string>>): Promise<Response>;
  close(): Promise<void>;
}

/** Throws OperatingError when there is nothing to ask. */
export async function openSource(place: Place): Promise<QuerySource> {
  if (place.kind === "server") return { ask: askServer(place), close: async () => {} };
  const { openFolder } = await import("../server/index.ts");
  const folder = await openFolder(place.folder);
  return {
    async ask(path, parameters) {
      const url = `/api/v1/${path}?${new URLSearchParams(parameters)}`;
      const answer = await folder.ask(url);
      return responseOf(answer.statusCode, answer.type, answer.stream);
    },
    close: folder.close,
  };
}

function askServer({ url, token, ca }: Place & { kind: "server" }): QuerySource["ask"] {
  return async (path, parameters) => {
    const target = new URL(
      `api/v1/${path}?${new URLSearchParams(parameters)}`,
      `${url.href.replace(/\/*$/, "")}/`,
    );
    const send = target.protocol === "https:" ? requestHttps : requestHttp;
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const request = send(target, { headers, ...(ca === undefined ? {} : { ca }) });
    request.end();
    try {
      const [response] = (await once(request, "response")) as [IncomingMessage];
      return responseOf(response.statusCode ?? 500, response.headers["content-type"], response);
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException;
      throw new OperatingError(
        "server_away",
        `${url.origin} cannot be asked: ${reasonOf(code, message)}`,
        error,
      );
    }
  };
}

function responseOf(status: number, type: string | undefined, body: Readable): Response {
  return new Response(Readable.toWeb(body) as ReadableStream<Uint8Array>, {
    status,
    headers: { "content-type": type ?? "" },
  });
}

function reasonOf(code: string, message: string): string {
  if (code === "ECONNREFUSED")
    return "nobody listens there; is the server running, and is --server its address?";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `its certificate is another's: ${message}`;
  if (code === "EPROTO") return "it speaks no TLS that is known; is it http://?";
  if (code === "ECONNRESET" || code.startsWith("HPE_")) return `${code}: it speaks no HTTP; is it https://?`;
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) return `${code}: --ca FILE names who vouches for it`;
  return code || message;
}
