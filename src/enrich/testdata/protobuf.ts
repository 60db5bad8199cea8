import { readFileSync } from "node:fs";

/** For tests: a protobuf message of fields [number, value]; a number is a varint, anything else has a length. */
export function message(...fields: readonly (readonly [number, number | string | Uint8Array])[]): Buffer {
  return Buffer.concat(
    fields.map(([field, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(field * 8), varint(value)]);
      const bytes = Buffer.from(value);
      return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
    }),
  );
}

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

export interface PretendContainer {
  readonly id: string;
  readonly sandboxId?: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The CRI's Container, with what nobody reads as well. */
export function container({ id, sandboxId = "", name = "", labels = {} }: PretendContainer): Buffer {
  return message(
    ...([
      [1, id],
      [2, sandboxId],
      [3, message([1, name], [2, 7])],
      [4, message([1, "registry.example/shop:1"])],
      [5, `sha256:${"0".repeat(64)}`],
      [6, 1],
      [7, 1_760_000_000_000],
    ] as const),
    ...Object.entries(labels).map((label): [number, Buffer] => [8, message([1, label[0]], [2, label[1]])]),
    [9, message([1, "io.kubernetes.container.restartCount"], [2, "0"])],
  );
}

/** The CRI's PodSandbox. */
export function sandbox(id: string, namespace: string, pod: string): Buffer {
  const uid = "6fd2c1d2-6a8b-4b1e-9a55-0d1f3c1f7a55";
  return message([1, id], [2, message([1, pod], [2, uid], [3, namespace], [4, 1])], [3, 0], [4, 1], [7, "runc"]);
}

/** An answer with a list: each entry is field 1. */
export function listOf(...entries: readonly Buffer[]): Buffer {
  return message(...entries.map((entry): [number, Buffer] => [1, entry]));
}

/** What a real runtime answered, by method; and what the CRI's own definition makes of it, by protobufjs. */
export function readRecorded(name: string): { answers: ReadonlyMap<string, Buffer>; expected: unknown } {
  const lines = readFileSync(new URL(`${name}.hex`, import.meta.url), "utf8").trim().split("\n");
  const answers = new Map<string, Buffer>();
  for (const line of lines) {
    const [method = "", hex = ""] = line.split(" ");
    answers.set(method, Buffer.from(hex, "hex"));
  }
  const expected: unknown = JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "utf8"));
  return { answers, expected };
}
