/** One instruction of classic BPF, as libpcap compiles filter text to (struct bpf_insn). */
export interface BpfInstruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly operand: number;
}

const memoryWords = 16;
const memory = new Int32Array(memoryWords);

/** Why a program cannot be run here, or undefined: a program that passes ends, and reads only what is there. */
export function validateBpf(program: readonly BpfInstruction[]): string | undefined {
  if (program.length === 0 || program.length > 4096) return `has ${program.length} instructions`;
  for (const [i, { code, jumpTrue, jumpFalse, operand }] of program.entries()) {
    const where = `instruction ${i} (code ${code})`;
    const left = program.length - i - 1;
    const kind = code & 7;
    if (!known.has(code)) return `${where} is not known`;
    if (kind === 5) {
      // Only forwards, so that every program ends.
      const farthest = code === 0x05 ? operand >>> 0 : Math.max(jumpTrue, jumpFalse);
      if (farthest >= left) return `${where} jumps out of the program`;
    }
    const usesMemory = kind === 2 || kind === 3 || code === 0x60 || code === 0x61;
    if (usesMemory && operand >>> 0 >= memoryWords) return `${where} uses memory that is not there`;
  }
  return (program.at(-1)!.code & 7) === 6 ? undefined : "does not end with a return";
}

/**
 * Octets of the packet that the program wants, 0 for none: run on the packet in `view` from `start` on, of which `captured` octets are there
 * and `wireLength` were on the wire. A read beyond the capture answers 0, as in the kernel.
 */
export function runBpf(
  program: readonly BpfInstruction[],
  view: DataView,
  start: number,
  captured: number,
  wireLength: number,
): number {
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jumpTrue, jumpFalse, operand: k } = program[pc]!;
    switch (code) {
      case 0x20: // A = word at k
      case 0x40: {
        const at = code === 0x20 ? k >>> 0 : (x >>> 0) + (k >>> 0);
        if (at + 4 > captured) return 0;
        a = view.getInt32(start + at);
        break;
      }
      case 0x28: // A = half word at k
      case 0x48: {
        const at = code === 0x28 ? k >>> 0 : (x >>> 0) + (k >>> 0);
        if (at + 2 > captured) return 0;
        a = view.getUint16(start + at);
        break;
      }
      case 0x30: // A = octet at k
      case 0x50: {
        const at = code === 0x30 ? k >>> 0 : (x >>> 0) + (k >>> 0);
        if (at + 1 > captured) return 0;
        a = view.getUint8(start + at);
        break;
      }
      case 0xb1: // X = length of the IPv4 header at k
        if (k >>> 0 >= captured) return 0;
        x = (view.getUint8(start + (k >>> 0)) & 15) << 2;
        break;
      case 0x80:
        a = wireLength;
        break;
      case 0x81:
        x = wireLength;
        break;
      case 0x00:
        a = k;
        break;
      case 0x01:
        x = k;
        break;
      case 0x60:
        a = memory[k]!;
        break;
      case 0x61:
        x = memory[k]!;
        break;
      case 0x02:
        memory[k] = a;
        break;
      case 0x03:
        memory[k] = x;
        break;
      case 0x07:
        x = a;
        break;
      case 0x87:
        a = x;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x06:
        return k >>> 0;
      case 0x16:
        return a >>> 0;
      default:
        if ((code & 7) === 5) pc += isTaken(code, a, (code & 8) === 0 ? k : x) ? jumpTrue : jumpFalse;
        else {
          const operand = (code & 8) === 0 ? k : x;
          // A division by nothing ends the program without the packet.
          if (operand === 0 && (code & 0xf0) % 0x60 === 0x30) return 0;
          a = compute(code & 0xf0, a, operand);
        }
    }
  }
  return 0;
}

function isTaken(code: number, a: number, operand: number): boolean {
  switch (code & 0xf0) {
    case 0x10:
      return a === operand;
    case 0x20:
      return a >>> 0 > operand >>> 0;
    case 0x30:
      return a >>> 0 >= operand >>> 0;
    default:
      return (a & operand) !== 0;
  }
}

function compute(operation: number, a: number, operand: number): number {
  switch (operation) {
    case 0x00:
      return (a + operand) | 0;
    case 0x10:
      return (a - operand) | 0;
    case 0x20:
      return Math.imul(a, operand);
    case 0x30:
      return ((a >>> 0) / (operand >>> 0)) | 0;
    case 0x40:
      return a | operand;
    case 0x50:
      return a & operand;
    case 0x60:
      return operand >>> 0 > 31 ? 0 : a << operand;
    case 0x70:
      return operand >>> 0 > 31 ? 0 : (a >>> operand) | 0;
    case 0x80:
      return -a | 0;
    case 0x90:
      return ((a >>> 0) % (operand >>> 0)) | 0;
    default:
      return a ^ operand;
  }
}

const arithmetic = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0];
const jumps = [0x10, 0x20, 0x30, 0x40];
/** Codes that libpcap's optimizer and the kernel know (linux/bpf_common.h); the kernel's own extensions are not among them. */
const known: ReadonlySet<number> = new Set([
  ...[0x00, 0x01, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x61, 0x80, 0x81, 0xb1],
  ...[0x02, 0x03, 0x05, 0x06, 0x16, 0x07, 0x87, 0x84],
  ...arithmetic.flatMap((operation) => [operation | 0x04, operation | 0x0c]),
  ...jumps.flatMap((operation) => [operation | 0x05, operation | 0x0d]),
]);
