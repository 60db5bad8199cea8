import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { cleanText } from "../flow/index.ts";

/** An answer other than OK, by gRPC's status codes. */
export class GrpcError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(`it answers gRPC status ${status}${message === "" ? "" : `: ${message}`}`);
    this.status = status;
  }
}

/** The server has no such service, or no such method. */
export function isUnimplemented(error: unknown): boolean {
  return error instanceof GrpcError && error.status === 12;
}

export interface GrpcConnection {
  /**
   * Sends one message to `/package.Service/Method`, and gives the one that comes back. Rejects with a GrpcError, the socket's
   * own error, or words that begin with "it".
   */
  call(path: string, message: Uint8Array): Promise<Buffer>;
  close(): void;
}

/** What a kubelet takes of its runtime: about 10,000 containers. */
export const messageBytesMax = 16 * 1024 * 1024;

/** A byte that says whether the message is compressed, and its length in 4 bytes, big-endian. */
const prefixBytes = 5;
const messageLengthMax = 200;
/** RFC 9113 §7: the stream is no longer needed. */
const cancelCode = 8;

/**
 * Unary gRPC over HTTP/2 on a Unix socket, which is a header, five bytes and a trailer more than a request of node:http2.
 * `@grpc/grpc-js` does it too, in 33 packages of 14 MB, most of it for what nobody needs here: name resolution, balancing, streams.
 */
export function connectGrpc(
  socketPath: string,
  { answerMilliseconds }: { readonly answerMilliseconds: number },
): GrpcConnection {
  // Only here: it takes 10 MB, and on most machines nobody is called.
  const { connect } = process.getBuiltinModule("node:http2");
  const session = connect("http://localhost", {
    createConnection: () => connectSocket(socketPath),
    settings: { enablePush: false },
  });
  session.on("error", () => {}); // the call hears of it by its stream
  return {
    call: (path, message) => callUnary(session, path, message, answerMilliseconds),
    close: () => session.destroy(),
  };
}

function callUnary(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  answerMilliseconds: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (session.destroyed) throw new Error("it closed the connection");
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      "grpc-timeout": `${answerMilliseconds}m`,
      te: "trailers",
    });
    const chunks: Buffer[] = [];
    let length = 0;
    let headers: IncomingHttpHeaders = {};
    // For the whole answer, not for its next byte.
    const timer = setTimeout(() => giveUp(new Error("it does not answer")), answerMilliseconds).unref();
    function giveUp(error: Error): void {
      reject(error);
      stream.close(cancelCode);
    }
    stream.on("response", (received) => {
      headers = received;
      if (received[":status"] !== 200) giveUp(new Error(`it answers HTTP status ${received[":status"]}`));
    });
    stream.on("trailers", (received) => {
      headers = { ...headers, ...received };
    });
    stream.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > prefixBytes + messageBytesMax) giveUp(new Error("its answer is longer than 16 MiB"));
      else chunks.push(chunk);
    });
    stream.on("error", (error) => reject(error.cause instanceof Error ? error.cause : error));
    stream.on("close", () => {
      clearTimeout(timer);
      const answer = readAnswer(headers, Buffer.concat(chunks));
      if (answer instanceof Error) reject(answer);
      else resolve(answer);
    });
    stream.end(writeMessage(message));
  });
}

/** Where nothing is to be sent, the status is among the headers; otherwise it comes in the trailers. */
function readAnswer(headers: IncomingHttpHeaders, body: Buffer): Buffer | Error {
  const status = headers["grpc-status"];
  if (typeof status !== "string" || !/^\d{1,3}$/.test(status))
    return new Error("it speaks no gRPC, or closed the connection before the end of its answer");
  if (Number(status) !== 0) return new GrpcError(Number(status), readStatusMessage(headers["grpc-message"]));
  if (body.length < prefixBytes || body[0] !== 0 || body.readUInt32BE(1) !== body.length - prefixBytes)
    return new Error("its answer is not one uncompressed message");
  return body.subarray(prefixBytes);
}

function readStatusMessage(text: string | string[] | undefined): string {
  if (typeof text !== "string") return "";
  try {
    return cleanText(decodeURIComponent(text), messageLengthMax);
  } catch {
    return cleanText(text, messageLengthMax); // a percent sign that means itself
  }
}

export function writeMessage(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(prefixBytes + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}
