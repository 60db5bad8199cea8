import { closeSync, openSync, readFileSync } from "node:fs";
import koffi from "koffi";

const direction = { ingress: 0, egress: 1 } as const; // BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS
const programTypeCgroupSkb = 8;
const allowMulti = 2; // BPF_F_ALLOW_MULTI
/** `r0 = 1; exit`: the packet goes on. */
const pass = new Uint8Array([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

/**
 * A program of somebody else's at a cgroup, for packets in and out, that does nothing. It is attached as programs were
 * before there were links (BPF_PROG_ATTACH), so it stays until it is detached, or the cgroup goes.
 */
export class EmptyHook {
  readonly #calls: ReturnType<typeof loadCalls>;
  readonly #cgroup: number;
  /** File descriptor of the program. */
  readonly program: number;
  #isAttached = false;

  constructor(cgroupRoot: string) {
    this.#calls = loadCalls();
    this.#cgroup = openSync(cgroupRoot, "r");
    this.program = this.#calls.load(programTypeCgroupSkb, "empty_hook", "GPL", pass, 2, null);
    if (this.program < 0) throw new Error(`empty program: errno ${-this.program}`);
  }

  attach(): void {
    if (this.#isAttached) return;
    for (const type of Object.values(direction)) {
      const result = this.#calls.attach(this.program, this.#cgroup, type, allowMulti);
      if (result !== 0) throw new Error(`empty program: attach: errno ${-result}`);
    }
    this.#isAttached = true;
  }

  detach(): void {
    if (!this.#isAttached) return;
    for (const type of Object.values(direction)) this.#calls.detach(this.program, this.#cgroup, type);
    this.#isAttached = false;
  }

  /** Ids of the programs attached to the cgroup's packets, this one's included, in the order they run. */
  attached(): number[] {
    return Object.values(direction).flatMap((type) => {
      const ids = new Uint32Array(64);
      const count = new Uint32Array([ids.length]);
      this.#calls.query(this.#cgroup, type, 0, new Uint32Array(1), ids, count);
      return [...ids.subarray(0, count[0])];
    });
  }

  get id(): number {
    return this.#figure("prog_id");
  }

  /** How often it has run, and for how long; counted while the kernel's statistics are on (`enableBpfStatistics`). */
  get runs(): { readonly count: number; readonly nanoseconds: number } {
    return { count: this.#figure("run_cnt"), nanoseconds: this.#figure("run_time_ns") };
  }

  close(): void {
    this.detach();
    closeSync(this.program);
    closeSync(this.#cgroup);
  }

  #figure(name: string): number {
    const text = readFileSync(`/proc/self/fdinfo/${this.program}`, "utf8");
    return Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1]);
  }
}

/** Has the kernel time every BPF program's runs, until what is returned is called or this process ends. */
export function enableBpfStatistics(): () => void {
  const fd = koffi.load("libbpf.so.1").func("int bpf_enable_stats(int type)")(0);
  if (fd < 0) throw new Error(`bpf statistics: errno ${-fd}`);
  return () => closeSync(fd);
}

function loadCalls() {
  const bpf = koffi.load("libbpf.so.1");
  return {
    load: bpf.func(
      "int bpf_prog_load(int type, const char *name, const char *license, const uint8_t *code, size_t count, void *options)",
    ),
    attach: bpf.func("int bpf_prog_attach(int program, int cgroup, int type, unsigned int flags)"),
    detach: bpf.func("int bpf_prog_detach2(int program, int cgroup, int type)"),
    query: bpf.func(
      "int bpf_prog_query(int cgroup, int type, uint32_t query, _Out_ uint32_t *flags, _Out_ uint32_t *ids, _Inout_ uint32_t *count)",
    ),
  };
}
