import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ConntrackFacts,
  canFollowSoftErrors,
  canRunConntrack,
  canRunDatagrams,
  canRunSockDiag,
  canRunTcp,
  findCgroupRoot,
  hasCapabilities,
  hasConntrackCapabilities,
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
  cgroupRoot: "/sys/fs/cgroup",
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

const atCgroupRoot: [string, typeof canRunTcp, RegExp][] = [
  ["datagrams", canRunDatagrams, /^UDP, ICMP and DNS are seen/],
  ["soft errors", canFollowSoftErrors, /^refusals that TCP tells to the program alone are seen/],
];
for (const [name, canRun, what] of atCgroupRoot) {
  test(`${name} need what TCP needs, and cgroup v2`, () => {
    assert.equal(canRun(able), undefined);
    assert.match(canRun({ ...able, isPrivileged: false })?.reason ?? "", /needs root/);
    const cannot = canRun({ ...able, cgroupRoot: "" });
    assert.match(cannot?.reason ?? "", what);
    assert.match(cannot?.reason ?? "", /cgroup v2, which is not mounted/);
    assert.match(cannot?.remedy ?? "", /mount -t cgroup2/);
    const inside = canRun({ ...able, cgroupRoot: "", isCgroupPrivate: true });
    assert.match(inside?.reason ?? "", /private cgroup namespace/);
    assert.match(inside?.remedy ?? "", /--cgroupns=host/);
  });
}

test("cgroup v2 is found where it is mounted", () => {
  assert.equal(findCgroupRoot("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"), "/sys/fs/cgroup");
  const hybrid = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\nnone /my\\040cgroups cgroup2 rw 0 0\n";
  assert.equal(findCgroupRoot(hybrid), "/my cgroups");
  assert.equal(findCgroupRoot("proc /proc proc rw 0 0\n"), "");
});

const translating: ConntrackFacts = { platform: "linux", isPrivileged: true, hasConntrack: true };
const conntrackCases: [string, Partial<ConntrackFacts>, RegExp, RegExp][] = [
  ["another system", { platform: "darwin" }, /darwin/, /Linux machine/],
  ["no privileges", { isPrivileged: false }, /CAP_NET_ADMIN/, /as root/],
  ["no connection tracking", { hasConntrack: false }, /nothing .* uses connection tracking/, /add the rule/],
];
for (const [name, lacking, reason, remedy] of conntrackCases) {
  test(`address translation, ${name}: the reason and the one thing to change`, () => {
    assert.equal(canRunConntrack(translating), undefined);
    const cannot = canRunConntrack({ ...translating, ...lacking });
    assert.match(cannot?.reason ?? "", reason);
    assert.match(cannot?.remedy ?? "", remedy);
  });
}

test("reading address translation needs both capabilities", () => {
  assert.ok(hasConntrackCapabilities("CapEff:\t0000000000201000\n"), "CAP_NET_ADMIN and CAP_SYS_ADMIN");
  assert.ok(!hasConntrackCapabilities("CapEff:\t0000000000001000\n"), "CAP_NET_ADMIN alone");
  assert.ok(!hasConntrackCapabilities("CapEff:\t0000000000200000\n"), "CAP_SYS_ADMIN alone");
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
  const whole = {
    ...{ networkNamespaces: 5, networkNamespacesMissed: 0, hasEvents: true },
    ...{ canReadProcesses: true, processesMissed: 0 },
  };
  const reasons = (reach: Partial<typeof whole>) =>
    sockDiagLimits({ ...whole, ...reach }).map(({ reason }) => reason);
  assert.equal(reasons({}).length, 1);
  assert.match(reasons({})[0]!, /no process name/);
  assert.match(reasons({ networkNamespacesMissed: 3 })[1]!, /3 further network namespaces/);
  const own = { canReadProcesses: false, processesMissed: 40 };
  assert.match(reasons(own)[1]!, /^only sockets of this user's own processes/);
  assert.match(reasons({ processesMissed: 1 })[1]!, /^1 process is shielded, .* its sockets have no process/);
  assert.match(reasons({ processesMissed: 2 })[1]!, /^2 processes are shielded, .* their sockets have no/);
  assert.match(reasons({ hasEvents: false })[1]!, /shorter than the time between two polls are not seen/);
});
