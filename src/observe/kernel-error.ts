import koffi from "koffi";

/** What the kernel refused. The message is what was asked, errno's name, and the kernel's own words when it gave any. */
export class KernelError extends Error {
  /** `EPERM`, `EINVAL`, `ENOENT`, ... */
  readonly code: string;

  constructor(what: string, errno: number, words = "") {
    const code = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
    super(`${what}: ${code}${words === "" ? "" : ` (${words})`}`);
    this.code = code;
  }
}
