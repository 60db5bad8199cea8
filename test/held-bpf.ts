import { readdirSync, readFileSync } from "node:fs";

/** What a process holds in the kernel's BPF by its open files. */
export interface HeldBpf {
  /** In bpftool's words. */
  readonly kind: "prog" | "map" | "link";
  readonly id: string;
  /** Of a program, or of a link's program. */
  readonly program: number | undefined;
  /** Of a link: enum bpf_attach_type of include/uapi/linux/bpf.h. */
  readonly attachType: number | undefined;
}

export function heldBpf(pid: number): HeldBpf[] {
  return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    let info = "";
    try {
      info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8");
    } catch {
      return []; // closed meanwhile
    }
    const idOf = (name: string) => new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(info)?.[1];
    const found = { link: idOf("link_id"), map: idOf("map_id"), prog: idOf("prog_id") };
    const kind = (["link", "map", "prog"] as const).find((each) => found[each] !== undefined);
    if (kind === undefined) return [];
    const numberOf = (text?: string) => (text === undefined ? undefined : Number(text));
    const [program, attachType] = [found.prog, idOf("attach_type")].map(numberOf);
    return [{ kind, id: found[kind]!, program, attachType }];
  });
}
