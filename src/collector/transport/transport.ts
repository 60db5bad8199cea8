/** Where written records go. All of it is synchronous: what was taken is in the kernel's hands or waits in `rest`. */
export interface Transport {
  /**
   * Takes all of the bytes or none of them, so that no record is cut in two: false says that it took none, which its
   * owner counts. The bytes are the caller's again when it returns.
   */
  write(bytes: Uint8Array): boolean;
  /** Goes on in the file that has the name now (a file that was moved away is left alone). */
  reopen(): void;
  /** Writes what it has taken. Resolves to how many bytes it could not. */
  close(): number | Promise<number>;
}

export interface TransportDependencies {
  /** Told once when writing begins to fail, and once when it works again. */
  readonly log: (level: "error" | "info", message: string) => void;
  /** Nobody reads any more, and never will: a closed pipe. */
  readonly closed: () => void;
}
