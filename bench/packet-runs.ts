/** One packet handed to a cgroup_skb program again and again, by the kernel's own BPF_PROG_TEST_RUN. */
import koffi from "koffi";
import { median } from "./spread.ts";

const repeats = 10_000;
const runs = 31;
const payloadBytes = 64;
const interrupted = 4; // EINTR

/** Ethernet header and what follows, from 10.77.0.1 or fd77::1 to the other's; `words` are the first four bytes behind IP. */
function packet(isV6: boolean, protocol: number, ...words: readonly [number, number]): Uint8Array {
  const ipBytes = isV6 ? 40 : 20;
  const bytes = new Uint8Array(14 + ipBytes + 8 + payloadBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, isV6 ? 0x86dd : 0x0800);
  if (isV6) {
    bytes.set([0x60, 0, 0, 0, 0, 8 + payloadBytes, protocol, 64, 0xfd, 0x77], 14);
    bytes.set([1, 0xfd, 0x77], 14 + 23);
    bytes[14 + 39] = 2;
  } else {
    bytes.set([0x45, 0, 0, ipBytes + 8 + payloadBytes, 0, 0, 0, 0, 64, protocol], 14);
    bytes.set([10, 77, 0, 1, 10, 77, 0, 2], 14 + 12);
  }
  for (const [i, word] of words.entries()) view.setUint16(14 + ipBytes + 2 * i, word);
  view.setUint16(14 + ipBytes + 4, 8 + payloadBytes);
  return bytes;
}

const packets = {
  "TCP, IPv4": packet(false, 6, 40_000, 443),
  "TCP, IPv6": packet(true, 6, 40_000, 443),
  "UDP, IPv4": packet(false, 17, 40_000, 443),
  "UDP, IPv6": packet(true, 17, 40_000, 443),
  "ICMP echo": packet(false, 1, 0x0800, 0),
};
export type PacketName = keyof typeof packets;

/** Median nanoseconds a run of a loaded program, for each packet; the kernel's loop around it included. */
export function runPackets(programFd: number): Record<PacketName, number> {
  const libc = koffi.load("libc.so.6");
  const mmap = libc.func(
    "uintptr_t mmap(uintptr_t at, size_t length, int prot, int flags, int fd, long offset)",
  );
  const testRun = koffi
    .load("libbpf.so.1")
    .func("int bpf_prog_test_run_opts(int programFd, _Inout_ uint8_t *options)");
  const dataAt = BigInt(mmap(0, 4096, 3, 0x22, -1, 0));
  const data = new Uint8Array(koffi.view(dataAt, 4096) as ArrayBuffer);
  const options = new Uint8Array(80); // struct bpf_test_run_opts
  const view = new DataView(options.buffer);
  const costs = Object.entries(packets).map(([name, bytes]) => {
    data.set(bytes);
    const durations = Array.from({ length: runs }, () => {
      for (let result = -interrupted; result !== 0; ) {
        options.fill(0); // the kernel writes into it
        view.setBigUint64(0, 80n, true);
        view.setBigUint64(8, dataAt, true);
        view.setUint32(24, bytes.length, true);
        view.setUint32(60, repeats, true);
        result = testRun(programFd, options) as number;
        if (result !== 0 && result !== -interrupted)
          throw new Error(`${name}: BPF_PROG_TEST_RUN: errno ${-result}`);
      }
      return view.getUint32(64, true);
    });
    return [name, median(durations)];
  });
  return Object.fromEntries(costs);
}
