import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseAddress } from "../../flow/index.ts";
import { ResolverTrust } from "./resolver-trust.ts";

const own = 1;

function createTrust({ files = [] as string[], resolvers = [] as string[] } = {}) {
  const trust = new ResolverTrust({ files, resolvers, networkNamespace: own, askedSeconds: 600 });
  return {
    ask: (resolver: string, namespace: number, seconds = 1000) =>
      trust.note(parseAddress(resolver)!, 0, namespace, seconds),
    isBelieved: (resolver: string, namespace: number) =>
      trust.isBelieved(parseAddress(resolver)!, 0, namespace),
    sweep: (seconds: number) => trust.sweep(seconds),
  };
}

test("a workload's own resolver is believed by nobody, whatever it asks and however often", () => {
  const { ask, isBelieved } = createTrust();
  for (let i = 0; i < 1000; i++) ask("10.0.0.66", 7);
  assert.equal(isBelieved("10.0.0.66", 7), false);
  ask("127.0.0.1", 8);
  ask("127.0.0.1", 9);
  assert.equal(isBelieved("127.0.0.1", 8), false, "a loopback address is another in each namespace");
});

test("whom most network namespaces ask is believed, of several that few ask nobody; until they ask no more", () => {
  const { ask, isBelieved, sweep } = createTrust();
  for (const namespace of [2, 3, 4, 5, 6]) ask("10.96.0.10", namespace);
  for (const namespace of [5, 6]) ask("10.0.0.66", namespace);
  assert.equal(isBelieved("10.96.0.10", 2), true);
  assert.equal(isBelieved("10.0.0.66", 5), false, "two of five");
  sweep(1700);
  assert.equal(isBelieved("10.96.0.10", 2), false);
});

test("whom the machine's files name is believed, its loopback addresses in its own namespace; the files may change", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-resolv-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "resolv.conf");
  writeFileSync(
    file,
    "# nameserver 10.0.0.1\nsearch example\nnameserver 127.0.0.53\nnameserver 2001:db8::53\n",
  );
  const { isBelieved, sweep } = createTrust({
    files: [file, join(folder, "none")],
    resolvers: ["192.0.2.53", "nonsense"],
  });
  const believed = (namespace: number) =>
    ["10.0.0.1", "127.0.0.53", "2001:db8::53", "192.0.2.53", "10.0.0.2"].filter((resolver) =>
      isBelieved(resolver, namespace),
    );
  assert.deepEqual(believed(own), ["127.0.0.53", "2001:db8::53", "192.0.2.53"]);
  assert.deepEqual(believed(7), ["2001:db8::53", "192.0.2.53"]);
  writeFileSync(file, "nameserver 10.0.0.2\n");
  sweep(2000);
  assert.deepEqual(believed(7), ["192.0.2.53", "10.0.0.2"]);
});

test("however many resolvers one namespace asks, those that several ask are remembered", () => {
  const { ask, isBelieved } = createTrust();
  ask("10.96.0.10", 2);
  ask("10.96.0.10", 3);
  for (let i = 0; i < 1000; i++) ask(`10.1.${i >> 8}.${i & 255}`, 3);
  assert.equal(isBelieved("10.96.0.10", 2), true);
});
