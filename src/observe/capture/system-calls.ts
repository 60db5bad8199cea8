import koffi from "koffi";
import { cFunctions } from "../../native/index.ts";

/** The kernel's calls that capturing takes. Numbers are those of include/uapi for 64-bit little-endian machines. */
export function hasPacketSockets(): boolean {
  return process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
}

export const call = cFunctions({
  socket: "int socket(int family, int type, int protocol)",
  bind: "int bind(int fd, const uint8_t *address, uint32_t length)",
  setOption: "int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)",
  getOption: "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)",
  interfaceIndex: "unsigned int if_nametoindex(const char *name)",
  close: "int close(int fd)",
  mmap: "uintptr_t mmap(uintptr_t address, size_t length, int prot, int flags, int fd, long offset)",
  munmap: "int munmap(uintptr_t address, size_t length)",
  syslog: "void syslog(int priority, const char *format, ...)",
  exit: "void _exit(int status)",
});

/** Ends the process, and does nothing else (POSIX `_exit`). */
export function exitAtOnce(code: number): void {
  call.exit(code);
}

export function mapMemory(address: bigint, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/** Values as the kernel's structures have them. */
export function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}
