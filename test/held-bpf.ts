import { readdirSync, readFileSync } from "node:fs";

/** What a process holds in the kernel's BPF by its open files. */
export interface HeldBpf {
  /** In bpftool's words. */
  readonly kind: "prog" | "map" | "link";
  readonly id: string;
  /** Of a program, or of a link's program. */
  readonly program: number | undefined;
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
    return [{ kind, id: found[kind]!, program: found.prog === undefined ? undefined : Number(found.prog) }];
  });
}
