/** Programs that do nothing, where a TCP stream between two namespaces would meet them: what other hooks cost than those that the agent is at. */
import { closeSync } from "node:fs";
import { arch } from "node:process";
import koffi from "koffi";
import { cFunctions } from "../src/native/index.ts";
import { insideNamespace } from "../src/observe/netlink/inside-namespace.ts";

// include/uapi/linux/bpf.h
const command = { programLoad: 5, rawTracepointOpen: 17, linkCreate: 28 };
const programType = { schedCls: 3, rawTracepoint: 17, netfilter: 32 };
const attachType = { tcxIngress: 46, tcxEgress: 47, netfilter: 45 };
const bpfCall = { x64: 321, arm64: 280 }[arch as "x64" | "arm64"];
/** `r0 = VALUE; exit` */
const answer = (value: number) =>
  new Uint8Array([0xb7, 0, 0, 0, ...new Uint8Array(Int32Array.of(value).buffer), 0x95, 0, 0, 0, 0, 0, 0, 0]);
const goOn = { schedCls: -1, rawTracepoint: 0, netfilter: 1 } as const; // TCX_NEXT; nothing; NF_ACCEPT
const [familyIPv4, localIn, localOut, priority] = [2, 1, 3, -100] as const; // NFPROTO_IPV4, enum nf_inet_hooks

const call = cFunctions({
  bpf: "long syscall(long number, long command, const uint8_t *attributes, unsigned long size)",
  interfaceIndex: "unsigned int if_nametoindex(const char *name)",
});

/** Where packets of a stream pass, and for `socket-calls` where reads and writes do. */
export const otherHooks = ["tcx", "netfilter", "tracepoints", "socket-calls"] as const;
export type OtherHook = (typeof otherHooks)[number];

/** An end of the stream. */
export interface End {
  readonly namespace: string;
  readonly device: string;
}

/** They are links: what closes them, this process's end too, takes them away. */
export class OtherHooks {
  readonly #kind: OtherHook;
  readonly #ends: readonly End[];
  readonly #programs: readonly number[];
  #links: number[] = [];

  constructor(kind: OtherHook, ends: readonly End[]) {
    this.#kind = kind;
    this.#ends = ends;
    switch (kind) {
      case "tcx":
        this.#programs = [attachType.tcxIngress, attachType.tcxEgress].map((type) => load("schedCls", type));
        break;
      case "netfilter":
        this.#programs = [load("netfilter", attachType.netfilter)];
        break;
      default:
        this.#programs = [load("rawTracepoint", 0)];
    }
  }

  attach(): void {
    const [first = -1, second = -1] = this.#programs;
    for (const { namespace, device } of this.#ends) {
      const inside = (open: () => number) =>
        this.#links.push(insideNamespace(namespacePath(namespace), open));
      if (this.#kind === "tcx") {
        const index = insideNamespace(namespacePath(namespace), () => Number(call.interfaceIndex(device)));
        inside(() => link(first, index, attachType.tcxIngress));
        inside(() => link(second, index, attachType.tcxEgress));
      } else if (this.#kind === "netfilter") {
        for (const hook of [localIn, localOut])
          inside(() => link(first, 0, attachType.netfilter, [familyIPv4, hook, priority, 0]));
      }
    }
    const tracepoints: readonly string[] =
      {
        tracepoints: ["net_dev_queue", "netif_receive_skb"],
        "socket-calls": ["sock_send_length", "sock_recv_length"],
      }[this.#kind as string] ?? [];
    for (const name of tracepoints) this.#links.push(openTracepoint(first, name));
  }

  detach(): void {
    for (const fd of this.#links) closeSync(fd);
    this.#links = [];
  }

  close(): void {
    this.detach();
    for (const fd of this.#programs) closeSync(fd);
  }
}

const namespacePath = (name: string) => `/run/netns/${name}`;

function bpf(number: number, attributes: Uint8Array, what: string): number {
  const fd = Number(call.bpf(bpfCall, number, attributes, attributes.length));
  if (fd < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  return fd;
}

/** `union bpf_attr` of BPF_PROG_LOAD. */
function load(type: keyof typeof goOn, expectedAttachType: number): number {
  const attributes = new Uint8Array(120);
  const view = new DataView(attributes.buffer);
  const instructions = answer(goOn[type]);
  const license = new TextEncoder().encode("GPL\0");
  view.setUint32(0, programType[type], true);
  view.setUint32(4, instructions.length / 8, true);
  view.setBigUint64(8, BigInt(koffi.address(instructions)), true);
  view.setBigUint64(16, BigInt(koffi.address(license)), true);
  view.setUint32(68, expectedAttachType, true);
  return bpf(command.programLoad, attributes, `empty program of type ${type}`);
}

/** `union bpf_attr` of BPF_LINK_CREATE: what a link of the type wants more begins at 16. */
function link(program: number, target: number, type: number, more: readonly number[] = []): number {
  const words = Int32Array.from([program, target, type, 0, ...more, 0, 0, 0, 0]);
  return bpf(command.linkCreate, new Uint8Array(words.buffer), `link of type ${type}`);
}

/** `union bpf_attr` of BPF_RAW_TRACEPOINT_OPEN. */
function openTracepoint(program: number, name: string): number {
  const attributes = new Uint8Array(16);
  const text = new TextEncoder().encode(`${name}\0`);
  new DataView(attributes.buffer).setBigUint64(0, BigInt(koffi.address(text)), true);
  new DataView(attributes.buffer).setUint32(8, program, true);
  return bpf(command.rawTracepointOpen, attributes, `tracepoint ${name}`);
}
