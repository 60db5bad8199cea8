import koffi from "koffi";

/** The kernel's calls that capturing takes. Numbers are those of include/uapi for 64-bit little-endian machines. */
export function hasPacketSockets(): boolean {
  return process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
}

const libc = hasPacketSockets() ? koffi.load("libc.so.6") : undefined;
const bind = (prototype: string) =>
  libc?.func(prototype) as ReturnType<ReturnType<typeof koffi.load>["func"]>;

export const call = {
  socket: bind("int socket(int family, int type, int protocol)"),
  bind: bind("int bind(int fd, const uint8_t *address, uint32_t length)"),
  setOption: bind("int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)"),
  getOption: bind(
    "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)",
  ),
  interfaceIndex: bind("unsigned int if_nametoindex(const char *name)"),
  close: bind("int close(int fd)"),
  mmap: bind("uintptr_t mmap(uintptr_t address, size_t length, int prot, int flags, int fd, long offset)"),
  munmap: bind("int munmap(uintptr_t address, size_t length)"),
  syslog: bind("void syslog(int priority, const char *format, ...)"),
};

/** Ends the process, and does nothing else (POSIX `_exit`). */
export const exitAtOnce = bind("void _exit(int status)") as ((code: number) => void) | undefined;

/** errno of the last call, by name. */
export function lastError(): string {
  const number = koffi.errno();
  return Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}

export function mapMemory(address: bigint, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/** Values as the kernel's structures have them. */
export function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}
