import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canRunSockDiag,
  canRunTcp,
  hasCapabilities,
  type KernelFacts,
  readSockDiagFacts,
  sockDiagLimits,
} from "./can-run.ts";

const able: KernelFacts = {
  platform: "linux",
  release: "6.1.0-18-amd64",
  hasBtf: true,
  isPrivileged: true,
  hasLibbpf: true,
};

test("nothing is said when everything is there", () => {
  assert.equal(canRunTcp(able), undefined);
  assert.equal(canRunTcp({ ...able, release: "5.14.0" }), undefined);
});

const cases: [string, Partial<KernelFacts>, RegExp, RegExp][] = [
  ["another system", { platform: "darwin" }, /darwin/, /Linux machine/],
  ["an old kernel", { release: "5.10.0-28-amd64" }, /5\.10/, /5\.14 or newer/],
  ["no privileges", { isPrivileged: false }, /needs root/, /sudo \.\/portolan up/],
  ["no BTF", { hasBtf: false }, /btf\/vmlinux is missing/, /CONFIG_DEBUG_INFO_BTF/],
  ["no libbpf", { hasLibbpf: false }, /libbpf\.so\.1/, /apt-get install libbpf1/],
];
for (const [name, lacking, reason, remedy] of cases) {
  test(`${name}: the reason and the one thing to change`, () => {
    const cannot = canRunTcp({ ...able, ...lacking });
    assert.match(cannot?.reason ?? "", reason);
    assert.match(cannot?.remedy ?? "", remedy);
  });
}

test("capabilities are read from /proc/self/status", () => {
  assert.ok(hasCapabilities("CapEff:\t000001ffffffffff\n"));
  assert.ok(hasCapabilities("CapPrm:\t0\nCapEff:\t000000c000000000\n"), "CAP_PERFMON and CAP_BPF");
  assert.ok(!hasCapabilities("CapEff:\t0000008000000000\n"), "CAP_BPF alone");
  assert.ok(!hasCapabilities("CapEff:\t0000000000000000\n"));
});

test("without eBPF: what stands in the way, and the one thing to change", () => {
  assert.equal(canRunSockDiag({ platform: "linux" }), undefined);
  const cases = [
    [{ platform: "darwin" }, /darwin/, /Linux machine/],
    [{ platform: "linux", sockDiagError: "ENOENT" }, /tcp_diag/, /modprobe tcp_diag/],
    [{ platform: "linux", sockDiagError: "EPROTONOSUPPORT" }, /EPROTONOSUPPORT/, /outside the sandbox/],
  ] as const;
  for (const [facts, reason, remedy] of cases) {
    const cannot = canRunSockDiag(facts);
    assert.match(cannot?.reason ?? "", reason);
    assert.match(cannot?.remedy ?? "", remedy);
  }
  assert.equal(readSockDiagFacts().platform, process.platform);
});

test("without eBPF: what is not seen is said, and no more than that", () => {
  const whole = { networkNamespaces: 5, networkNamespacesMissed: 0, hasEvents: true, seesAllProcesses: true };
  const reasons = (reach: Partial<typeof whole>) =>
    sockDiagLimits({ ...whole, ...reach }).map(({ reason }) => reason);
  assert.equal(reasons({}).length, 1);
  assert.match(reasons({})[0]!, /no process name/);
  assert.match(reasons({ networkNamespacesMissed: 3 })[1]!, /3 further network namespaces/);
  assert.match(reasons({ seesAllProcesses: false })[1]!, /this user's own processes/);
  assert.match(reasons({ hasEvents: false })[1]!, /shorter than the time between two polls are not seen/);
});
