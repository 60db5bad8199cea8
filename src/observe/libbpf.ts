import koffi from "koffi";
import { KernelError } from "./kernel-error.ts";

/** An address in this process's memory. */
type Pointer = bigint;

export interface Libbpf {
  /** Processors that this machine may have, those that are switched off included. */
  possibleProcessors(): number;
  /** Opens an ELF object from memory; loads nothing yet. */
  openObject(elf: Uint8Array, name: string): BpfObject;
}

export interface BpfObject {
  setMaxEntries(map: string, entries: number): void;
  /** Before loading: the `const volatile` variables of the object, as they lie in its .rodata. */
  setConstants(bytes: Uint8Array): void;
  /** Before loading: this program is not loaded. */
  leaveOut(program: string): void;
  /** Hands programs and maps to the kernel. */
  load(): void;
  attach(program: string): void;
  /** Attaches beside whatever is attached to the cgroup, for as long as this process lives. */
  attachCgroup(program: string, cgroupFd: number): void;
  /** Runs an iterator program over everything it iterates on, to its end. */
  runIterator(program: string): void;
  /** Runs a syscall program once, in this thread. */
  runSyscall(program: string): void;
  /** How often the kernel did not run a program since it was running on that processor already; always 0 before Linux 5.12. */
  missesOf(program: string): number;
  /** Reads a value of a one-row array map into `target`. */
  readArray(map: string, target: Uint8Array): void;
  /** Reads the value of a key of 8 bytes into `target`; false when there is none. */
  readValue(map: string, key: bigint, target: Uint8Array): boolean;
  mapRingBuffer(map: string, dataBytes: number): RingBufferMemory;
  /** Maps an array map that was made for it (BPF_F_MMAPABLE), for reading and writing. */
  mapArray(map: string, bytes: number): ArrayBuffer;
  /** Maps a window of such a map, for reading; `windowBytes` divides `bytes`. */
  mapArrayWindow(map: string, bytes: number, windowBytes: number): MemoryWindow;
  /** Detaches, unloads, unmaps. Views handed out must not be used afterwards. */
  close(): void;
}

/** What is looked at through a window, since every page that is mapped counts as ours. */
export interface MemoryWindow {
  /** The window, and of a ring buffer as much behind it as the longest record takes. */
  readonly data: ArrayBuffer;
  /** Of all that may be looked at. */
  readonly dataBytes: number;
  readonly windowBytes: number;
  /** Moves the window to begin at this offset, a multiple of its length. It begins at 0. Throws KernelError. */
  moveWindow(offset: number): void;
}

/**
 * The three regions of a BPF ring buffer (kernel/bpf/ringbuf.c): our position, the kernel's position, the data twice, so that a record
 * never wraps. Both lengths are powers of two.
 */
export interface RingBufferMemory extends MemoryWindow {
  readonly consumer: ArrayBuffer;
  readonly producer: ArrayBuffer;
}

const protRead = 1;
const protWrite = 2;
const mapShared = 1;
const mapFixed = 16;

/** struct bpf_prog_info (include/uapi/linux/bpf.h), up to and with its `recursion_misses`. */
const recursionMissesOffset = 208;
const programInfoBytes = recursionMissesOffset + 8;

const windowBytesMax = 256 * 1024;
/** Records are shorter. */
const recordBytesMax = 64 * 1024;

/** Whether the library is installed. */
export function hasLibbpf(): boolean {
  try {
    koffi.load("libbpf.so.1");
    return true;
  } catch {
    return false;
  }
}

/**
 * Loads libbpf.so.1: the one door to it and to the system calls that go with it. Throws when the library is not installed. Everything
 * else that can fail throws `KernelError`; a program that a kernel does not accept is an expected outcome for the caller to explain.
 */
export function loadLibbpf(): Libbpf {
  const bpf = koffi.load("libbpf.so.1");
  const libc = koffi.load("libc.so.6");
  const call = {
    setPrint: bpf.func("void *libbpf_set_print(void *)"),
    openMemory: bpf.func(
      "uintptr_t bpf_object__open_mem(const uint8_t *elf, size_t length, const void *options)",
    ),
    load: bpf.func("int bpf_object__load(uintptr_t object)"),
    closeObject: bpf.func("void bpf_object__close(uintptr_t object)"),
    findProgram: bpf.func("uintptr_t bpf_object__find_program_by_name(uintptr_t object, const char *name)"),
    findMap: bpf.func("uintptr_t bpf_object__find_map_by_name(uintptr_t object, const char *name)"),
    setMaxEntries: bpf.func("int bpf_map__set_max_entries(uintptr_t map, uint32_t entries)"),
    setInitialValue: bpf.func(
      "int bpf_map__set_initial_value(uintptr_t map, const uint8_t *data, size_t size)",
    ),
    setAutoload: bpf.func("int bpf_program__set_autoload(uintptr_t program, bool autoload)"),
    mapFd: bpf.func("int bpf_map__fd(uintptr_t map)"),
    programFd: bpf.func("int bpf_program__fd(uintptr_t program)"),
    attach: bpf.func("uintptr_t bpf_program__attach(uintptr_t program)"),
    attachCgroup: bpf.func("uintptr_t bpf_program__attach_cgroup(uintptr_t program, int cgroupFd)"),
    attachIterator: bpf.func("uintptr_t bpf_program__attach_iter(uintptr_t program, const void *options)"),
    linkFd: bpf.func("int bpf_link__fd(uintptr_t link)"),
    destroyLink: bpf.func("int bpf_link__destroy(uintptr_t link)"),
    createIterator: bpf.func("int bpf_iter_create(int linkFd)"),
    testRun: bpf.func("int bpf_prog_test_run_opts(int programFd, uint8_t *options)"),
    objectInfo: bpf.func(
      "int bpf_obj_get_info_by_fd(int fd, _Inout_ uint8_t *info, _Inout_ uint32_t *length)",
    ),
    lookup: bpf.func("int bpf_map_lookup_elem(int mapFd, const uint8_t *key, _Out_ uint8_t *value)"),
    read: libc.func("intptr_t read(int fd, _Out_ uint8_t *buffer, size_t length)"),
    close: libc.func("int close(int fd)"),
    mmap: libc.func(
      "uintptr_t mmap(uintptr_t address, size_t length, int prot, int flags, int fd, long offset)",
    ),
    munmap: libc.func("int munmap(uintptr_t address, size_t length)"),
    pageSize: libc.func("int getpagesize()"),
    possibleProcessors: bpf.func("int libbpf_num_possible_cpus()"),
  };
  // libbpf prints its own explanations to standard error; ours are in words (can-run.ts).
  call.setPrint(null);

  return {
    possibleProcessors() {
      const count = call.possibleProcessors();
      if (count < 0) throw new KernelError("processors", -count);
      return count;
    },
    openObject(elf, name) {
      const object = check(call.openMemory(elf, elf.length, null), `bpf object ${name}`);
      return createObject(object, name);
    },
  };

  function check(pointer: Pointer | number, what: string): Pointer {
    if (BigInt(pointer) === 0n) throw new KernelError(what, koffi.errno());
    return BigInt(pointer);
  }

  function createObject(object: Pointer, objectName: string): BpfObject {
    const links: Pointer[] = [];
    const mappings: { address: Pointer; length: number }[] = [];
    const program = (name: string) => check(call.findProgram(object, name), `program ${name}`);
    const map = (name: string) => check(call.findMap(object, name), `map ${name}`);
    // struct bpf_test_run_opts: its size first, every other field zero.
    const runOptions = new Uint8Array(80);
    new DataView(runOptions.buffer).setBigUint64(0, 80n, true);
    const keyBytes = new Uint8Array(8);
    const keyView = new DataView(keyBytes.buffer);
    const fds = new Map<string, number>();
    const fdOf = (kind: "map" | "program", name: string): number => {
      const known = fds.get(`${kind} ${name}`);
      if (known !== undefined) return known;
      const fd = kind === "map" ? call.mapFd(map(name)) : call.programFd(program(name));
      fds.set(`${kind} ${name}`, fd);
      return fd;
    };
    /** `place`: in place of what is mapped there; anywhere when 0. */
    const mapMemory = (
      { fd, length, prot, offset }: { fd: number; length: number; prot: number; offset: number },
      place: Pointer,
      what: string,
    ): Pointer => {
      const flags = place === 0n ? mapShared : mapShared | mapFixed;
      const address = BigInt(call.mmap(place, length, prot, flags, fd, offset));
      if (address === 0xffffffffffffffffn) throw new KernelError(what, koffi.errno());
      if (place === 0n) mappings.push({ address, length });
      return address;
    };

    return {
      setMaxEntries(name, entries) {
        const result = call.setMaxEntries(map(name), entries);
        if (result !== 0) throw new KernelError(`map ${name}: ${entries} entries`, -result);
      },
      setConstants(bytes) {
        const result = call.setInitialValue(map(".rodata"), bytes, bytes.length);
        if (result !== 0) throw new KernelError(`bpf object ${objectName}: constants`, -result);
      },
      leaveOut(name) {
        const result = call.setAutoload(program(name), false);
        if (result !== 0) throw new KernelError(`program ${name}: left out`, -result);
      },
      load() {
        const result = call.load(object);
        if (result !== 0) throw new KernelError(`bpf object ${objectName}`, -result);
      },
      attach(name) {
        links.push(check(call.attach(program(name)), `program ${name}: attach`));
      },
      attachCgroup(name, cgroupFd) {
        links.push(
          check(call.attachCgroup(program(name), cgroupFd), `program ${name}: attach to the cgroup`),
        );
      },
      runIterator(name) {
        const link = check(call.attachIterator(program(name), null), `iterator ${name}: attach`);
        const fd = call.createIterator(call.linkFd(link));
        if (fd < 0) throw new KernelError(`iterator ${name}: create`, -fd);
        const sink = new Uint8Array(4096);
        let length: number;
        do length = Number(call.read(fd, sink, sink.length));
        while (length > 0 || (length < 0 && koffi.errno() === koffi.os.errno.EAGAIN));
        const errno = length < 0 ? koffi.errno() : 0;
        call.close(fd);
        call.destroyLink(link);
        if (errno !== 0) throw new KernelError(`iterator ${name}: read`, errno);
      },
      runSyscall(name) {
        const result = call.testRun(fdOf("program", name), runOptions);
        if (result !== 0) throw new KernelError(`program ${name}: run`, -result);
      },
      missesOf(name) {
        const info = new Uint8Array(programInfoBytes);
        const result = call.objectInfo(fdOf("program", name), info, Uint32Array.of(info.length));
        if (result !== 0) throw new KernelError(`program ${name}: information`, -result);
        return Number(new DataView(info.buffer).getBigUint64(recursionMissesOffset, true));
      },
      readArray(name, target) {
        const result = call.lookup(fdOf("map", name), new Uint8Array(4), target);
        if (result !== 0) throw new KernelError(`map ${name}: read`, -result);
      },
      readValue(name, key, target) {
        keyView.setBigUint64(0, key, true);
        return call.lookup(fdOf("map", name), keyBytes, target) === 0;
      },
      mapRingBuffer(name, dataBytes) {
        const fd = fdOf("map", name);
        const page: number = call.pageSize();
        const windowBytes = Math.min(windowBytesMax, dataBytes);
        const length = windowBytes + Math.min(recordBytesMax, dataBytes);
        const what = `ring buffer ${name}`;
        const window = (offset: number) => ({ fd, length, prot: protRead, offset: 2 * page + offset });
        const consumer = mapMemory({ fd, length: page, prot: protRead | protWrite, offset: 0 }, 0n, what);
        const producer = mapMemory({ fd, length: page, prot: protRead, offset: page }, 0n, what);
        const data = mapMemory(window(0), 0n, what);
        return {
          ...{ consumer: koffi.view(consumer, page), producer: koffi.view(producer, page) },
          ...{ data: koffi.view(data, length), dataBytes, windowBytes },
          moveWindow(offset) {
            mapMemory(window(offset), data, what);
          },
        };
      },
      mapArray(name, bytes) {
        const page: number = call.pageSize();
        const length = Math.ceil(bytes / page) * page;
        const memory = { fd: fdOf("map", name), length, prot: protRead | protWrite, offset: 0 };
        return koffi.view(mapMemory(memory, 0n, `map ${name}`), bytes);
      },
      mapArrayWindow(name, bytes, windowBytes) {
        const window = (offset: number) => ({
          fd: fdOf("map", name),
          length: windowBytes,
          prot: protRead,
          offset,
        });
        const data = mapMemory(window(0), 0n, `map ${name}`);
        return {
          ...{ data: koffi.view(data, windowBytes), dataBytes: bytes, windowBytes },
          moveWindow(offset) {
            mapMemory(window(offset), data, `map ${name}`);
          },
        };
      },
      close() {
        for (const link of links.splice(0)) call.destroyLink(link);
        for (const { address, length } of mappings.splice(0)) call.munmap(address, length);
        call.closeObject(object);
      },
    };
  }
}
