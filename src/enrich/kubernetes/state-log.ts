import type { StateInWords } from "./status.ts";

const lastingMilliseconds = 3000;

/** Says a state once, when it has lasted: a connection may be closed at any time, and be there again at once. To be called once a second. */
export function createStateLog(
  subject: string,
  { now, log }: { now(): number; log(message: string): void },
): (state: Pick<StateInWords, "reason" | "remedy"> & { readonly state: string }) => void {
  let lastSaid = "";
  let toSay = { text: "", since: 0 };
  return ({ state, reason, remedy }) => {
    if (state === "starting" || state === "off" || (state === "on" && lastSaid === "")) return;
    const text = `${subject}: ${state}: ${reason}${remedy === undefined ? "" : `; ${remedy}`}`;
    if (text !== toSay.text) toSay = { text, since: now() };
    if (text === lastSaid || now() - toSay.since < lastingMilliseconds) return;
    log(text);
    lastSaid = text;
  };
}
