import koffi from "koffi";
import { type BpfInstruction, validateBpf } from "../../pcap/index.ts";
import { CaptureError } from "./capture-error.ts";

const optimize = 1;
const netmaskUnknown = 0xffffffff;
const instructionBytes = 8;

/**
 * Compiles filter text, as tcpdump takes it, for packets of a link type. libpcap does it, and nothing else here needs libpcap. Names in the text
 * are asked of the resolver by libpcap itself. Throws a CaptureError with libpcap's own words.
 */
export function compileFilter(text: string, linkType: number, snapLength: number): readonly BpfInstruction[] {
  const pcap = loadLibpcap();
  const handle = pcap.open(linkType, snapLength);
  if (BigInt(handle) === 0n) throw new CaptureError(`filter: libpcap does not know link type ${linkType}`);
  // struct bpf_program: a count, then a pointer to the instructions.
  const program = new Uint8Array(16);
  try {
    if (pcap.compile(handle, program, text, optimize, netmaskUnknown) !== 0)
      throw new CaptureError(`filter "${text}": ${pcap.error(handle)}`);
    const instructions = readProgram(program);
    pcap.free(program);
    const problem = validateBpf(instructions);
    if (problem !== undefined) throw new CaptureError(`filter "${text}": libpcap's program ${problem}`);
    return instructions;
  } finally {
    pcap.close(handle);
  }
}

function loadLibpcap() {
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load("libpcap.so.0.8");
  } catch {
    throw new CaptureError(
      "a filter is compiled by libpcap, which is not installed: sudo apt-get install libpcap0.8, or leave the filter out",
    );
  }
  return {
    open: library.func("uintptr_t pcap_open_dead(int linkType, int snapLength)"),
    compile: library.func(
      "int pcap_compile(uintptr_t handle, _Inout_ uint8_t *program, const char *text, int optimize, uint32_t netmask)",
    ),
    error: library.func("const char *pcap_geterr(uintptr_t handle)"),
    free: library.func("void pcap_freecode(_Inout_ uint8_t *program)"),
    close: library.func("void pcap_close(uintptr_t handle)"),
  };
}

function readProgram(program: Uint8Array): BpfInstruction[] {
  const view = new DataView(program.buffer);
  const count = view.getUint32(0, true);
  if (count === 0) return [];
  const instructions = new DataView(koffi.view(view.getBigUint64(8, true), count * instructionBytes));
  return Array.from({ length: count }, (_, i) => ({
    code: instructions.getUint16(i * instructionBytes, true),
    jumpTrue: instructions.getUint8(i * instructionBytes + 2),
    jumpFalse: instructions.getUint8(i * instructionBytes + 3),
    operand: instructions.getInt32(i * instructionBytes + 4, true),
  }));
}
