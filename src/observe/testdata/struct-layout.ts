import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const widths: Readonly<Record<string, number>> = { __u64: 8, __u32: 4, __u16: 2, __u8: 1, char: 1 };

/** The text of a header in bpf/. */
export function readHeader(name: string): string {
  return readFileSync(new URL(`../bpf/${name}`, import.meta.url), "utf8");
}

/** Offsets of the members of a C struct without padding, from its text. */
export function readStruct(header: string, name: string): Record<string, number> {
  const body = new RegExp(`struct ${name} \\{([^}]*)\\}`).exec(header)?.[1] ?? "";
  const offsets: Record<string, number> = {};
  let offset = 0;
  for (const [, type = "", member = "", length] of body.matchAll(
    /^\s*(__u\d+|char) (\w+)(?:\[(\d+)\])?;/gm,
  )) {
    const width = widths[type]!;
    assert.equal(offset % width, 0, `${member} would be padded`);
    offsets[member] = offset;
    offset += width * Number(length ?? 1);
  }
  assert.equal(
    offset,
    Number(new RegExp(`sizeof\\(struct ${name}\\) == (\\d+)`).exec(header)?.[1]),
    "the assertion in the header",
  );
  return offsets;
}
