import koffi from "koffi";

const clockMonotonicCoarse = 6;

/** Nanoseconds between two timer interrupts of this kernel, 1 / CONFIG_HZ: what its coarse clocks advance by. */
export function readTickNanoseconds(): number {
  const getResolution = koffi
    .load("libc.so.6")
    .func("int clock_getres(int clock, _Out_ uint8_t *resolution)");
  const timespec = new Uint8Array(16);
  getResolution(clockMonotonicCoarse, timespec);
  return Number(new DataView(timespec.buffer).getBigInt64(8, true));
}
