/**
 * The codes are stable: they stand in the docs, in `application/problem+json` answers and in logs.
 */
export type OperatingErrorCode =
  /** Another process has the data folder open. */
  | "store_in_use"
  /** The data folder is not what was written to it. */
  | "store_damaged"
  /** The data folder was written by a later version. */
  | "store_newer"
  /** The data folder cannot be made, read or written. */
  | "store_folder"
  /** A cursor that `flows` did not give out. */
  | "store_cursor"
  /** A question could not be answered: out of memory, or out of room for what does not fit into it. */
  | "store_query"
  /** The server that is asked cannot be reached, or says no. */
  | "server_away"
  | "server_refuses"
  /** What answers there is something else. */
  | "server_unknown"
  /** An answer that ended before its end, or had nothing to be written. */
  | "answer_broken"
  | "answer_empty";

/** Something outside the program is not as it has to be. Whoever can decide handles it; the message is for people. */
export class OperatingError extends Error {
  readonly code: OperatingErrorCode;

  constructor(code: OperatingErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "OperatingError";
    this.code = code;
  }
}
