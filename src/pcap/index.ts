/**
 * Capture files, libpcap's and pcapng's, into packet batches, from whatever pieces they arrive in; and classic BPF programs run on what
 * they hold. Knows no files and no sockets: bytes are an argument.
 */
export { type BpfInstruction, runBpf, validateBpf } from "./bpf.ts";
export { type CaptureInterface, CaptureReader, recordBytesMax } from "./capture-reader.ts";
