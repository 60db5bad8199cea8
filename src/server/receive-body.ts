import type { Readable } from "node:stream";
import { Problem } from "./problem.ts";

export interface ReceivingLimits {
  /** Of one body. */
  readonly bodyBytes: number;
  /** Of all bodies that are held, and of one sender's. */
  readonly bytes: number;
  readonly senderBytes: number;
  /** A body of which nothing has come for so long is given up, and one that is not whole after so long. */
  readonly idleMilliseconds: number;
  readonly bodyMilliseconds: number;
}

/** What a body counts for before anything of it has come. */
const openBytes = 4096;

export interface ReceivedBody {
  readonly bytes: Buffer;
  /** To be called when the bytes are not used any more; more than once is once. */
  release(): void;
}

/** Bodies of requests, counted as they come in, so that who announces much and sends nothing takes no room. */
export class BodyReceiver {
  readonly #limits: ReceivingLimits;
  readonly #bytesBySender = new Map<string, number>();
  #bytes = 0;

  constructor(limits: ReceivingLimits) {
    this.#limits = limits;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Throws a `Problem`: 408, 413, or 503 when there is no room. `sender` is who shares what one may hold. */
  receive(payload: Readable, sender: string): Promise<ReceivedBody> {
    const { bodyBytes, idleMilliseconds, bodyMilliseconds } = this.#limits;
    const chunks: Buffer[] = [];
    let [held, received] = [0, 0];
    const hold = (bytes: number) => {
      if (!this.#hold(sender, bytes)) return false;
      held += bytes;
      return true;
    };
    const release = () => {
      this.#letGo(sender, held);
      held = 0;
    };
    return new Promise((resolve, reject) => {
      const stop = (problem?: Problem) => {
        clearTimeout(idle);
        clearTimeout(whole);
        payload.off("data", take).off("end", end).off("error", broken).off("close", broken);
        if (problem === undefined) return;
        payload.on("error", () => {}); // whatever becomes of it
        payload.pause();
        chunks.length = 0;
        release();
        reject(problem);
      };
      const late = () => stop(new Problem(408, "message_late", "the message did not arrive in time"));
      const idle = setTimeout(late, idleMilliseconds);
      const whole = setTimeout(late, bodyMilliseconds);
      const take = (chunk: Buffer) => {
        idle.refresh();
        received += chunk.length;
        if (received > bodyBytes) stop(tooLarge(bodyBytes));
        else if (hold(chunk.length)) chunks.push(chunk);
        else stop(noRoom());
      };
      const end = () => {
        stop();
        const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
        resolve({ bytes, release });
      };
      const broken = () => stop(new Problem(400, "message_cut_off", "the message was cut off"));
      payload.on("data", take).on("end", end).on("error", broken).on("close", broken);
      if (!hold(openBytes)) stop(noRoom());
    });
  }

  #hold(sender: string, bytes: number): boolean {
    const own = (this.#bytesBySender.get(sender) ?? 0) + bytes;
    if (own > this.#limits.senderBytes || this.#bytes + bytes > this.#limits.bytes) return false;
    this.#bytes += bytes;
    this.#bytesBySender.set(sender, own);
    return true;
  }

  #letGo(sender: string, bytes: number): void {
    this.#bytes -= bytes;
    const rest = (this.#bytesBySender.get(sender) ?? 0) - bytes;
    if (rest > 0) this.#bytesBySender.set(sender, rest);
    else this.#bytesBySender.delete(sender);
  }
}

export function tooLarge(bytesMax: number): Problem {
  return new Problem(413, "message_too_large", `a message has at most ${bytesMax} bytes`);
}

function noRoom(): Problem {
  return new Problem(503, "busy", "too many messages are being read");
}
