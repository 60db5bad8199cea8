import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CgroupPlace,
  nowhere,
  parseCgroupPath,
  parseProcCgroup,
  unescapeUnitName,
} from "./cgroup-path.ts";

const id = "4f8a1c".padEnd(60, "0123456789abcdef").padEnd(64, "b");
const other = "e".repeat(64);
const uid = "1a2b3c4d-0000-1111-2222-333344445555";
const uid_ = uid.replaceAll("-", "_");
const staticUid = "0123456789abcdef0123456789abcdef";

/** Every layout that is known, with an example of each, and what it says beyond nothing. */
const layouts: [string, string, Partial<CgroupPlace>][] = [
  ["Docker, cgroupfs", `/docker/${id}`, { containerId: id, runtime: "docker" }],
  [
    "Docker, systemd",
    `/system.slice/docker-${id}.scope`,
    { containerId: id, runtime: "docker", slice: "system.slice" },
  ],
  [
    "Docker, a service of the container's own systemd",
    `/docker/${id}/system.slice/nginx.service`,
    { containerId: id, runtime: "docker", systemdUnit: "nginx.service", slice: "system.slice" },
  ],
  [
    "Docker, under a parent of the user's",
    `/my.slice/docker-${id}.scope`,
    { containerId: id, runtime: "docker", slice: "my.slice" },
  ],
  ["Docker, under a parent of the user's, cgroupfs", `/batch/${id}`, { containerId: id }],
  [
    "Docker in Docker: the innermost",
    `/docker/${other}/docker/${id}`,
    { containerId: id, runtime: "docker" },
  ],
  ["Docker on Amazon ECS", `/ecs/0123456789abcdef0123456789abcdef/${id}`, { containerId: id }],
  [
    "Docker on Amazon ECS, systemd",
    `/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-${id}.scope`,
    { containerId: id, runtime: "docker", slice: "ecstasks-0123456789abcdef0123456789abcdef.slice" },
  ],
  ["AWS Fargate", `/ecs/${staticUid}/${staticUid}-2531612879`, { containerId: `${staticUid}-2531612879` }],
  [
    "Kubernetes, containerd, systemd",
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid_}.slice/cri-containerd-${id}.scope`,
    {
      containerId: id,
      runtime: "containerd",
      podUid: uid,
      qosClass: "besteffort",
      slice: `kubepods-besteffort-pod${uid_}.slice`,
    },
  ],
  [
    "Kubernetes, a guaranteed pod, systemd",
    `/kubepods.slice/kubepods-pod${uid_}.slice/cri-containerd-${id}.scope`,
    {
      containerId: id,
      runtime: "containerd",
      podUid: uid,
      qosClass: "guaranteed",
      slice: `kubepods-pod${uid_}.slice`,
    },
  ],
  [
    "Kubernetes, cgroupfs",
    `/kubepods/besteffort/pod${uid}/${id}`,
    { containerId: id, podUid: uid, qosClass: "besteffort" },
  ],
  [
    "Kubernetes, a guaranteed pod, cgroupfs",
    `/kubepods/pod${uid}/${id}`,
    { containerId: id, podUid: uid, qosClass: "guaranteed" },
  ],
  [
    "Kubernetes, a static pod, whose uid is a hash",
    `/kubepods/burstable/pod${staticUid}/${id}`,
    { containerId: id, podUid: staticUid, qosClass: "burstable" },
  ],
  [
    "Kubernetes, containerd with cgroupfs names asked by a kubelet with systemd's",
    `/system.slice/containerd.service/kubepods-burstable-pod${uid_}.slice:cri-containerd:${id}`,
    {
      containerId: id,
      runtime: "containerd",
      podUid: uid,
      qosClass: "burstable",
      slice: `kubepods-burstable-pod${uid_}.slice`,
    },
  ],
  [
    "Kubernetes, Docker by cri-dockerd",
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid_}.slice/docker-${id}.scope`,
    {
      containerId: id,
      runtime: "docker",
      podUid: uid,
      qosClass: "burstable",
      slice: `kubepods-burstable-pod${uid_}.slice`,
    },
  ],
  [
    "Kubernetes, CRI-O, systemd",
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid_}.slice/crio-${id}.scope`,
    {
      containerId: id,
      runtime: "cri-o",
      podUid: uid,
      qosClass: "burstable",
      slice: `kubepods-burstable-pod${uid_}.slice`,
    },
  ],
  [
    "Kubernetes, CRI-O, with a group of the container's own",
    `/kubepods.slice/kubepods-pod${uid_}.slice/crio-${id}.scope/container`,
    {
      containerId: id,
      runtime: "cri-o",
      podUid: uid,
      qosClass: "guaranteed",
      slice: `kubepods-pod${uid_}.slice`,
    },
  ],
  [
    "Kubernetes, CRI-O, cgroupfs",
    `/kubepods/burstable/pod${uid}/crio-${id}`,
    { containerId: id, runtime: "cri-o", podUid: uid, qosClass: "burstable" },
  ],
  [
    "Kubernetes, CRI-O's monitor beside the container",
    `/kubepods.slice/kubepods-pod${uid_}.slice/crio-conmon-${id}.scope`,
    { podUid: uid, qosClass: "guaranteed", slice: `kubepods-pod${uid_}.slice` },
  ],
  [
    "Kubernetes, a container id in a form nobody knows",
    `/kubepods/burstable/pod${uid}/wasm-web.1`,
    { containerId: "wasm-web.1", podUid: uid, qosClass: "burstable" },
  ],
  [
    "Kubernetes, a container id that is no name at all",
    `/kubepods/burstable/pod${uid}/<b>web`,
    { podUid: uid, qosClass: "burstable" },
  ],
  [
    "Kubernetes in Docker (kind): the pod's container, not the node's",
    `/docker/${other}/kubelet/kubepods/burstable/pod${uid}/${id}`,
    { containerId: id, podUid: uid, qosClass: "burstable" },
  ],
  [
    "Kubernetes in Docker (kind), systemd",
    `/system.slice/docker-${other}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${uid_}.slice/cri-containerd-${id}.scope`,
    {
      containerId: id,
      runtime: "containerd",
      podUid: uid,
      qosClass: "besteffort",
      slice: `kubelet-kubepods-besteffort-pod${uid_}.slice`,
    },
  ],
  [
    "Kubernetes in Docker (kind): the node's own kubelet",
    `/system.slice/docker-${other}.scope/kubelet.slice/kubelet.service`,
    { containerId: other, runtime: "docker", systemdUnit: "kubelet.service", slice: "kubelet.slice" },
  ],
  [
    "Kubernetes in Docker (k3d, k3s)",
    `/docker/${other}/k3s/kubepods/besteffort/pod${uid}/${id}`,
    { containerId: id, podUid: uid, qosClass: "besteffort" },
  ],
  [
    "Docker in a pod: the pod's container",
    `/kubepods/besteffort/pod${uid}/${id}/docker/${other}`,
    { containerId: id, podUid: uid, qosClass: "besteffort" },
  ],
  ["nerdctl, cgroupfs", `/default/${id}`, { containerId: id }],
  [
    "nerdctl, systemd",
    `/system.slice/nerdctl-${id}.scope`,
    { containerId: id, runtime: "containerd", slice: "system.slice" },
  ],
  [
    "podman as root",
    `/machine.slice/libpod-${id}.scope/container`,
    { containerId: id, runtime: "podman", slice: "machine.slice" },
  ],
  [
    "podman without root",
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`,
    { containerId: id, runtime: "podman", slice: "user.slice" },
  ],
  ["podman, cgroupfs", `/libpod_parent/libpod-${id}`, { containerId: id, runtime: "podman" }],
  [
    "podman, in a unit of its own (quadlet)",
    `/system.slice/web.service/libpod-payload-${id}`,
    { containerId: id, runtime: "podman", slice: "system.slice" },
  ],
  ["podman's monitor", `/machine.slice/libpod-conmon-${id}.scope`, { slice: "machine.slice" }],
  ["LXC", "/lxc/web-1/system.slice", { containerId: "web-1", runtime: "lxc", slice: "system.slice" }],
  ["LXC on Proxmox", "/lxc/101/ns/init.scope", { containerId: "101", runtime: "lxc" }],
  ["LXC 4 and LXD", "/lxc.payload.web-1", { containerId: "web-1", runtime: "lxc" }],
  ["LXC 4, one folder", "/lxc.payload/web-1", { containerId: "web-1", runtime: "lxc" }],
  ["LXC's monitor", "/lxc.monitor.web-1", {}],
  [
    "systemd-nspawn, from the command line",
    "/machine.slice/machine-my\\x2dbox.scope/payload",
    { containerId: "my-box", runtime: "systemd-nspawn", slice: "machine.slice" },
  ],
  [
    "systemd-nspawn, as a unit",
    "/machine.slice/systemd-nspawn@my\\x2dbox.service/payload",
    { containerId: "my-box", runtime: "systemd-nspawn", slice: "machine.slice" },
  ],
  [
    "systemd-nspawn's own process",
    "/machine.slice/systemd-nspawn@box.service/supervisor",
    { slice: "machine.slice" },
  ],
  [
    "libvirt's virtual machine is a unit",
    "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator",
    { systemdUnit: "machine-qemu\\x2d1\\x2dweb.scope", slice: "machine.slice" },
  ],
  ["a service", "/system.slice/nginx.service", { systemdUnit: "nginx.service", slice: "system.slice" }],
  [
    "a service with groups of its own",
    "/system.slice/containerd.service/init",
    { systemdUnit: "containerd.service", slice: "system.slice" },
  ],
  [
    "a service from a template",
    "/system.slice/system-postgresql.slice/postgresql@15-main.service",
    { systemdUnit: "postgresql@15-main.service", slice: "system-postgresql.slice" },
  ],
  [
    "a service whose name is escaped",
    "/system.slice/system-systemd\\x2dfsck.slice/systemd-fsck@dev-disk-by\\x2duuid-1.service",
    {
      systemdUnit: "systemd-fsck@dev-disk-by\\x2duuid-1.service",
      slice: "system-systemd\\x2dfsck.slice",
    },
  ],
  [
    "a service named like one of the kernel's files",
    "/system.slice/_cpu.service",
    { systemdUnit: "cpu.service", slice: "system.slice" },
  ],
  [
    "a user's service",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
    { systemdUnit: "syncthing.service", slice: "app.slice" },
  ],
  [
    "a user's service manager",
    "/user.slice/user-1000.slice/user@1000.service/init.scope",
    { slice: "user-1000.slice" },
  ],
  [
    "what a desktop started",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4242.scope",
    { slice: "app.slice" },
  ],
  ["a session", "/user.slice/user-1000.slice/session-3.scope", { slice: "user-1000.slice" }],
  ["the first process", "/init.scope", {}],
  [
    "seen from another cgroup namespace",
    `/../../system.slice/docker-${id}.scope`,
    { containerId: id, runtime: "docker", slice: "system.slice" },
  ],
  ["a cgroup that has gone", `/docker/${id} (deleted)`, { containerId: id, runtime: "docker" }],
  ["the root", "/", {}],
  ["nothing", "", {}],
  ["63 digits", `/docker/${id.slice(1)}`, {}],
  ["65 digits", `/docker/${id}a`, {}],
  ["digits in upper case", `/docker/${id.toUpperCase()}`, {}],
  [
    "a service whose name holds an id",
    `/system.slice/backup-${id}.service`,
    { systemdUnit: `backup-${id}.service`, slice: "system.slice" },
  ],
  ["a folder that is called like a pod, but is in no kubelet's", `/games/pod${uid}`, {}],
];
for (const [name, path, expected] of layouts) {
  test(`the cgroup of: ${name}`, () => assert.deepEqual(parseCgroupPath(path), { ...nowhere, ...expected }));
}

test("a path without end is read as far as is sensible", () => {
  assert.deepEqual(parseCgroupPath("/a".repeat(1_000_000)), nowhere);
  assert.equal(parseCgroupPath(`/lxc/${"a".repeat(1000)}`).containerId.length, 128);
});

test("the text of /proc/PID/cgroup, version 2: one line", () => {
  const { place, isUnified } = parseProcCgroup(`0::/system.slice/docker-${id}.scope\n`);
  assert.deepEqual([place.containerId, isUnified], [id, true]);
  assert.deepEqual(parseProcCgroup("0::/init.scope\n"), { place: nowhere, isUnified: true });
  assert.deepEqual(parseProcCgroup("").place, nowhere);
});

test("version 1: whichever hierarchy names a container, the first that does", () => {
  const text = `13:pids:/user.slice\n4:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${other}\n`;
  const { place, isUnified } = parseProcCgroup(text);
  assert.deepEqual([place.containerId, isUnified], [id, false]);
});

test("hybrid: a container in the old hierarchies only, which the new one takes for its runtime's service", () => {
  const text = `4:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${id}\n0::/system.slice/docker.service\n`;
  const { place, isUnified } = parseProcCgroup(text);
  assert.deepEqual([place.containerId, place.systemdUnit, isUnified], [id, "", false]);
});

test("from within a container's cgroup namespace: neighbours are pods' containers, and so is whoever reads", () => {
  const root = `/kubepods/burstable/pod${uid}/${id}`;
  const placeOf = (path: string) => parseProcCgroup(`0::${path}\n`, root).place;
  assert.deepEqual(placeOf("/"), parseCgroupPath(root));
  const neighbour = placeOf(`/../../pod${staticUid}/${other}`);
  assert.deepEqual([neighbour.podUid, neighbour.containerId], [staticUid, other]);
  const { podUid, qosClass } = placeOf(`/../../../pod${staticUid}/${other}`);
  assert.deepEqual([podUid, qosClass], [staticUid, "guaranteed"]);
  assert.equal(placeOf("/../../../../system.slice/kubelet.service").systemdUnit, "kubelet.service");
  const old = parseProcCgroup(`4:cpu:/docker/${id}\n0::/\n`, "/system.slice/docker.service").place;
  assert.deepEqual([old.containerId, old.systemdUnit], [id, ""], "version 1 has paths of its own");
});

test("a unit is believed from systemd's own hierarchy only", () => {
  const unitOf = (text: string) => parseProcCgroup(text).place.systemdUnit;
  assert.equal(
    unitOf("3:cpu:/system.slice/a.service\n1:name=systemd:/system.slice/b.service\n"),
    "b.service",
  );
  assert.equal(unitOf("3:cpu:/system.slice/a.service\n"), "");
  assert.equal(unitOf("1:name=systemd:/system.slice/b.service\n0::/system.slice/c.service\n"), "c.service");
});

test("colons in the path belong to the path", () => {
  const text = `0::/a:b/kubepods-pod${uid_}.slice:cri-containerd:${id}\n`;
  assert.deepEqual([parseProcCgroup(text).place.containerId, parseProcCgroup(text).place.podUid], [id, uid]);
});

for (const [written, read] of [
  ["dbus\\x2dbroker.service", "dbus-broker.service"],
  ["a\\x2db\\x40c.service", "a-b@c.service"],
  ["no\\x1bescape.service", "no\\x1bescape.service"],
  ["not\\x7fthis\\xff\\x2", "not\\x7fthis\\xff\\x2"],
] as const) {
  test(`the unit ${written} is read ${read}`, () => assert.equal(unescapeUnitName(written), read));
}

const seed = Number(process.env.PORTOLAN_TEST_SEED ?? 1);
test(`whatever a path is made of, it says something of bounded length (seed ${seed})`, () => {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pieces = layouts
    .flatMap(([, path]) => path.split(/(?<=[/:.@-])/))
    .concat("\\x", "\x00", "\ud800", "..");
  for (let i = 0; i < 20_000; i++) {
    let path = "";
    for (let n = random(20); n > 0; n--) path += pieces[random(pieces.length)];
    const place = parseCgroupPath(path);
    assert.deepEqual(Object.keys(place), Object.keys(nowhere));
    assert.ok(place.containerId.length <= 128 && place.podUid.length <= 64, path);
    assert.doesNotMatch(place.containerId, /\//, path);
    assert.ok((place.podUid === "") === (place.qosClass === ""), path);
    assert.deepEqual(parseProcCgroup(`0::${path}`).place, place, path);
  }
});
