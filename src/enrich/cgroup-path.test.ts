import assert from "node:assert/strict";
import { test } from "node:test";
import { containerIdOf, containerIdOfProcess } from "./container-id.ts";

const id = "4f8a1c".padEnd(60, "0123456789abcdef").padEnd(64, "b");
const other = "e".repeat(64);

const paths: [string, string, string][] = [
  ["docker, cgroup v1", `/docker/${id}`, id],
  ["docker, cgroup v2 with systemd", `/system.slice/docker-${id}.scope`, id],
  ["docker, a service inside its container", `/docker/${id}/system.slice/nginx.service`, id],
  ["docker under a parent of the user's", `/my.slice/docker-${id}.scope`, id],
  [
    "containerd for Kubernetes, systemd",
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1a2b_3c.slice/cri-containerd-${id}.scope`,
    id,
  ],
  [
    "containerd for Kubernetes, cgroupfs",
    `/kubepods/besteffort/pod1a2b3c4d-0000-1111-2222-333344445555/${id}`,
    id,
  ],
  [
    "containerd with cgroupfs names under systemd",
    `/system.slice/containerd.service/kubepods-burstable-pod1a2b_3c.slice:cri-containerd:${id}`,
    id,
  ],
  ["containerd, guaranteed pod", `/kubepods.slice/kubepods-pod1a2b.slice/cri-containerd-${id}.scope`, id],
  ["nerdctl", `/system.slice/nerdctl-${id}.scope`, id],
  ["CRI-O", `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod9.slice/crio-${id}.scope`, id],
  ["CRI-O with a nested group", `/kubepods.slice/kubepods-pod9.slice/crio-${id}.scope/container`, id],
  ["CRI-O's monitor beside the container", `/kubepods.slice/kubepods-pod9.slice/crio-conmon-${id}.scope`, ""],
  ["podman as root", `/machine.slice/libpod-${id}.scope/container`, id],
  [
    "podman without root",
    `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`,
    id,
  ],
  ["podman, cgroupfs", `/libpod_parent/libpod-${id}`, id],
  ["podman's monitor", `/machine.slice/libpod-conmon-${id}.scope`, ""],
  ["seen from another cgroup namespace", `/../../system.slice/docker-${id}.scope`, id],
  ["a service", "/system.slice/nginx.service", ""],
  ["a session", "/user.slice/user-1000.slice/session-3.scope", ""],
  ["the root", "/", ""],
  ["nothing", "", ""],
  ["63 digits", `/docker/${id.slice(1)}`, ""],
  ["65 digits", `/docker/${id}a`, ""],
  ["digits in upper case", `/docker/${id.toUpperCase()}`, ""],
  ["a service whose name holds an id", `/system.slice/backup${id}.service`, ""],
];
for (const [name, path, expected] of paths) {
  test(`the container in the cgroup of: ${name}`, () => assert.equal(containerIdOf(path), expected));
}

test("the text of /proc/PID/cgroup, version 2: one line", () => {
  assert.equal(containerIdOfProcess(`0::/system.slice/docker-${id}.scope\n`), id);
  assert.equal(containerIdOfProcess("0::/init.scope\n"), "");
  assert.equal(containerIdOfProcess(""), "");
});

test("the text of /proc/PID/cgroup, version 1: whichever hierarchy says so, the first that does", () => {
  const text = `13:pids:/user.slice\n4:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${other}\n0::/\n`;
  assert.equal(containerIdOfProcess(text), id);
});

test("colons in the path belong to the path", () => {
  assert.equal(containerIdOfProcess(`0::/a:b/kubepods-pod1.slice:cri-containerd:${id}\n`), id);
});
