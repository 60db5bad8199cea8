import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseAddress } from "../flow/index.ts";
import { PeerTable } from "../topology/index.ts";
import { createSocketOwners, type SocketOwner } from "./socket-owners.ts";

const root = mkdtempSync(join(tmpdir(), "portolan-owners-"));
after(() => rmSync(root, { recursive: true }));
let treeCount = 0;

const containerId = "ab12".padEnd(64, "0");
const inContainer = `0::/system.slice/docker-${containerId}.scope\n`;
const inSession = "0::/user.slice/user-1000.slice/session-3.scope\n";
const inService = "0::/system.slice/ssh.service\n";
const inPod = `0::/kubepods.slice/kubepods-pod1a2b_3c.slice/cri-containerd-${containerId}.scope\n`;

/** A /proc and a /run/netns of their own, and owners read from them. */
function createTree({ rowsMax = 100, isHybrid = false, commandLine = false } = {}) {
  const tree = join(root, String(++treeCount));
  const procFolder = join(tree, "proc");
  const namedNamespacesFolder = join(tree, "netns");
  mkdirSync(procFolder, { recursive: true });
  mkdirSync(namedNamespacesFolder);
  const cgroupFolder = join(tree, "cgroup");
  mkdirSync(cgroupFolder);
  let changes = 0;
  /** Some kernels' file times are too coarse to tell two changes of one moment apart. */
  const namespacesChanged = () => utimesSync(namedNamespacesFolder, ++changes, changes);
  const drops: string[] = [];
  const peers = new PeerTable(rowsMax, (reason) => drops.push(reason));
  const names = new Map<string, string>();
  let learned = new Map<string, string>();
  const owners = createSocketOwners({
    peers,
    node: "vm",
    procFolder,
    namedNamespacesFolder,
    commandLine,
    cgroupMounts: { folder: cgroupFolder, isHybrid },
    containerNames: { nameOf: (id) => names.get(id) ?? "", takeChanges: () => learned },
  });
  return {
    peers,
    drops,
    /** The runtime tells a container's name. */
    learn(id: string, name: string) {
      names.set(id, name);
      learned = new Map([[id, name]]);
      owners.refresh();
      learned = new Map();
    },
    refresh: () => owners.refresh(),
    addProcess(process: number, cgroup: string, exe?: string) {
      mkdirSync(join(procFolder, String(process)));
      writeFileSync(join(procFolder, String(process), "cgroup"), cgroup);
      if (exe !== undefined) symlinkSync(exe, join(procFolder, String(process), "exe"));
    },
    setCommandLine: (process: number, text: string) =>
      writeFileSync(join(procFolder, String(process), "cmdline"), text),
    addCgroup(path: string) {
      mkdirSync(join(cgroupFolder, path), { recursive: true });
      return statSync(join(cgroupFolder, path)).ino;
    },
    endProcess: (process: number) => rmSync(join(procFolder, String(process)), { recursive: true }),
    addNamespace(name: string) {
      writeFileSync(join(namedNamespacesFolder, name), "");
      namespacesChanged();
      return statSync(join(namedNamespacesFolder, name)).ino;
    },
    renameNamespace(from: string, to: string) {
      renameSync(join(namedNamespacesFolder, from), join(namedNamespacesFolder, to));
      namespacesChanged();
    },
    rowOf(owner: Partial<SocketOwner> = {}, address = "10.0.0.5") {
      const bytes = new Uint8Array([...new Uint8Array(16), ...parseAddress(address)!]);
      return owners.peerOf(
        { process: 100, processName: "nginx", cgroupId: 7, networkNamespace: 1, ...owner },
        bytes,
        16,
      );
    },
    peerOf(owner: Partial<SocketOwner> = {}, address?: string) {
      return peers.get(this.rowOf(owner, address));
    },
  };
}

test("a process is named by its name and machine, at the socket's address", () => {
  const tree = createTree();
  tree.addProcess(100, inSession);
  assert.deepEqual(tree.peerOf(), {
    id: "process:vm/nginx",
    kind: "process",
    name: "nginx",
    address: "10.0.0.5",
    node: "vm",
    network: "10.0.0.0/24",
    process: "nginx",
    container: "",
  });
});

test("what controls terminals or the direction of text is in no name and in no id", () => {
  const tree = createTree();
  const evil = "\x1b[31m<b>\u202ex\u0007";
  tree.addProcess(100, inSession);
  const named = tree.peerOf({ processName: evil });
  assert.deepEqual([named.id, named.name, named.process], ["process:vm/[31m<b%3Ex", "[31m<b>x", "[31m<b>x"]);
  assert.equal(tree.peerOf({ processName: "\x1b\u202e" }).name, "?");
  tree.addProcess(101, inSession, `/opt/${evil}`);
  assert.equal(tree.peerOf({ process: 101, processName: "MainThread" }).process, "[31m<b>x");
  tree.addProcess(102, "0::/system.slice/web\x1b[32m\u202e.service\n");
  tree.addProcess(103, "0::/lxc.payload.web\x1b[32m/init.scope\n");
  const peers = [102, 103].map((process) => tree.peerOf({ process }));
  peers.push(tree.peerOf({ networkNamespace: tree.addNamespace("left\x1b[33m\u202e") }));
  for (const { id, name, node } of peers)
    for (const text of [id, name, node]) assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
  assert.deepEqual(
    peers.map(({ name, node }) => [name, node]),
    [
      ["web[32m.service", "vm"],
      ["web[32m", "vm"],
      ["nginx", "vm/left[33m"],
    ],
  );
});

test("a process in a container is that container, whatever the process", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  tree.addProcess(101, inContainer);
  assert.deepEqual(tree.peerOf(), {
    id: `container:vm/${containerId}`,
    kind: "container",
    name: "nginx ab1200000000",
    address: "10.0.0.5",
    node: "vm",
    network: "10.0.0.0/24",
    process: "nginx",
    container: containerId,
  });
  assert.equal(tree.rowOf({ process: 101, processName: "worker" }), tree.rowOf());
});

test("several processes of one name are one peer; another address is another row of it", () => {
  const tree = createTree();
  tree.addProcess(100, inSession);
  tree.addProcess(101, inSession);
  assert.equal(tree.rowOf({ process: 101 }), tree.rowOf());
  assert.notEqual(tree.rowOf({}, "10.0.0.6"), tree.rowOf());
  assert.equal(tree.peerOf({}, "10.0.0.6").id, tree.peerOf().id);
});

test("an owner the kernel does not know is nobody", () => {
  const tree = createTree();
  assert.equal(tree.rowOf({ process: 0 }), 0);
  assert.equal(tree.rowOf({ processName: "" }), 0);
  assert.equal(tree.peers.count, 2, "nothing was added");
});

test("a process that has gone is in the container its cgroup was seen to be", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  tree.peerOf({ cgroupId: 7 });
  assert.equal(tree.peerOf({ process: 555, processName: "curl", cgroupId: 7 }).container, containerId);
  assert.equal(tree.peerOf({ process: 556, processName: "curl", cgroupId: 8 }).id, "process:vm/curl");
  assert.equal(tree.peerOf({ process: 557, processName: "curl", cgroupId: 0 }).id, "process:vm/curl");
});

test("an owner of whom only the cgroup is known is the container, when it is one", () => {
  const tree = createTree();
  const cgroupId = tree.addCgroup(`system.slice/docker-${containerId}.scope`);
  const { id, name } = tree.peerOf({ process: 0, processName: "", cgroupId });
  assert.deepEqual([id, name], [`container:vm/${containerId}`, "ab1200000000"]);
  const service = tree.addCgroup("system.slice/nginx.service");
  assert.equal(tree.rowOf({ process: 0, processName: "", cgroupId: service }), 0);
});

test("a socket without a cgroup does not say where others without one run", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  tree.peerOf({ cgroupId: 0 });
  assert.equal(tree.peerOf({ process: 555, processName: "curl", cgroupId: 0 }).container, "");
});

test("who was named stays named after the process has gone", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  const row = tree.rowOf();
  tree.endProcess(100);
  assert.equal(tree.rowOf(), row);
  assert.equal(tree.peerOf({}, "10.0.0.6").container, containerId, "at another address too");
});

for (const [comm, exe, name] of [
  ["MainThread", "/usr/bin/node", "node"],
  ["main", "/opt/app/server (deleted)", "server"],
  ["Main", "/usr/lib/game", "game"],
  ["nginx", "/usr/sbin/other", "nginx"],
] as const) {
  test(`a process whose first thread is called ${comm} and whose program is ${exe} is ${name}`, () => {
    const tree = createTree();
    tree.addProcess(100, inSession, exe);
    const { id, name: shown, process } = tree.peerOf({ processName: comm });
    assert.deepEqual([id, shown, process], [`process:vm/${name}`, name, name]);
  });
}

test("a thread name stays when the program cannot be read any more", () => {
  assert.equal(createTree().peerOf({ processName: "MainThread" }).name, "MainThread");
});

test("a named network namespace counts as a machine of its own", () => {
  const tree = createTree();
  const blue = tree.addNamespace("blue");
  tree.addProcess(100, inSession);
  const { id, node, name } = tree.peerOf({ networkNamespace: blue });
  assert.deepEqual([id, node, name], ["process:vm/blue/nginx", "vm/blue", "nginx"]);
  assert.equal(tree.peerOf({ networkNamespace: blue + 1000 }).node, "vm");
});

test("a container keeps its machine, though its network namespace has a name", () => {
  const tree = createTree();
  const cni = tree.addNamespace("cni-1234");
  tree.addProcess(100, inContainer);
  assert.deepEqual(
    [tree.peerOf({ networkNamespace: cni }).id, tree.peerOf({ networkNamespace: cni }).node],
    [`container:vm/${containerId}`, "vm"],
  );
});

test("a namespace that is named later is found", () => {
  const tree = createTree();
  tree.addProcess(100, inSession);
  tree.peerOf({ networkNamespace: 1 });
  const red = tree.addNamespace("red");
  assert.equal(tree.peerOf({ networkNamespace: red }).node, "vm/red");
});

test("the kernel uses a namespace's number again: the name is the one of now", () => {
  const tree = createTree();
  const number = tree.addNamespace("blue");
  assert.equal(tree.peerOf({ networkNamespace: number }).node, "vm/blue");
  tree.renameNamespace("blue", "red");
  assert.equal(tree.peerOf({ process: 101, networkNamespace: number }).node, "vm/red");
});

test("a number that had no name when it was first asked for gets the name it is given", () => {
  const tree = createTree();
  const number = tree.addNamespace("blue");
  tree.renameNamespace("blue", "../aside");
  assert.equal(tree.peerOf({ networkNamespace: number }).node, "vm");
  tree.renameNamespace("../aside", "green");
  assert.equal(tree.peerOf({ process: 101, networkNamespace: number }).node, "vm/green");
});

test("a process id used again by another program is another peer", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  const first = tree.rowOf({ processName: "nginx", cgroupId: 7 });
  tree.endProcess(100);
  tree.addProcess(100, inSession);
  const second = tree.rowOf({ processName: "sshd", cgroupId: 9 });
  assert.notEqual(second, first);
  assert.equal(tree.peers.get(second).id, "process:vm/sshd");
});

test("a process id used again by a program of the same name in another cgroup is read again", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  assert.equal(tree.peerOf({ cgroupId: 7 }).kind, "container");
  tree.endProcess(100);
  tree.addProcess(100, inSession);
  assert.equal(tree.peerOf({ cgroupId: 9 }).kind, "process");
});

test("after a sweep of the peers, rows are taken anew", () => {
  const tree = createTree();
  tree.addProcess(100, inSession);
  const row = tree.rowOf();
  const peer = tree.peers.get(row);
  tree.peers.sweep(() => {});
  assert.equal(tree.peers.intern({ ...peer, id: "process:vm/taker" }), row, "somebody else has the row now");
  assert.notEqual(tree.rowOf(), row);
  assert.deepEqual(tree.peerOf(), peer);
});

test("a peer beyond the bound is ~other, and asked for again", () => {
  const tree = createTree({ rowsMax: 2 });
  assert.equal(tree.rowOf(), 1);
  assert.equal(tree.rowOf(), 1);
  assert.deepEqual(tree.drops, ["peer_limit", "peer_limit"]);
});

test("a process that systemd started is its unit, whatever the process", () => {
  const tree = createTree();
  tree.addProcess(100, inService);
  tree.addProcess(101, inService);
  assert.deepEqual(tree.peerOf({ processName: "sshd" }), {
    id: "unit:vm/ssh.service",
    kind: "unit",
    name: "ssh.service",
    address: "10.0.0.5",
    node: "vm",
    network: "10.0.0.0/24",
    process: "sshd",
    container: "",
  });
  assert.equal(tree.rowOf({ process: 101, processName: "sftp-server" }), tree.rowOf({ processName: "sshd" }));
});

for (const [unit, id, name] of [
  ["postgresql@15-main.service", "unit:vm/postgresql%4015-main.service", "postgresql@15-main.service"],
  ["dbus\\x2dbroker.service", "unit:vm/dbus\\x2dbroker.service", "dbus-broker.service"],
  ["sshd@3-192.0.2.1:22-192.0.2.9:51234.service", "unit:vm/sshd%40.service", "sshd@.service"],
  ["sshd@3-4242_77-[2001:db8::1]:22-[2001:db8::9]:51234.service", "unit:vm/sshd%40.service", "sshd@.service"],
  ["echo@12-4242-1000.service", "unit:vm/echo%40.service", "echo@.service"],
  ["a>b%c.service", "unit:vm/a%3Eb%25c.service", "a>b%c.service"],
] as const) {
  test(`the unit ${unit} is ${name}`, () => {
    const tree = createTree();
    tree.addProcess(100, `0::/system.slice/${unit}\n`);
    assert.deepEqual([tree.peerOf().id, tree.peerOf().name], [id, name]);
  });
}

test("a unit in a named network namespace is another than the one outside", () => {
  const tree = createTree();
  const vpn = tree.addNamespace("vpn");
  tree.addProcess(100, inService);
  assert.equal(tree.peerOf({ networkNamespace: vpn }).id, "unit:vm/vpn/ssh.service");
});

test("a pod's container on its node's network is itself, at the node's address", () => {
  const tree = createTree();
  tree.addProcess(100, inPod);
  tree.addProcess(200, inService);
  const [pod, kubelet] = [
    tree.peerOf({}, "192.0.2.7"),
    tree.peerOf({ process: 200, cgroupId: 8 }, "192.0.2.7"),
  ];
  assert.deepEqual([pod.id, pod.node, pod.address], [`container:vm/${containerId}`, "vm", "192.0.2.7"]);
  assert.deepEqual([kubelet.id, kubelet.address], ["unit:vm/ssh.service", "192.0.2.7"]);
  assert.deepEqual([pod.podUid, "podUid" in kubelet], ["1a2b-3c", false]);
});

test("a container is named by its id until its name is known, and stays the same peer", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  const row = tree.rowOf();
  const elsewhere = tree.rowOf({}, "10.0.0.6");
  assert.equal(tree.peers.get(row).name, "nginx ab1200000000");
  tree.learn(containerId, "web");
  assert.deepEqual([tree.peers.get(row).name, tree.peers.get(elsewhere).name], ["web", "web"]);
  assert.equal(tree.rowOf(), row);
  assert.deepEqual(tree.peerOf({}, "10.0.0.7"), {
    ...tree.peers.get(row),
    address: "10.0.0.7",
  });
  tree.addProcess(101, inContainer);
  assert.equal(tree.rowOf({ process: 101 }), row);
  tree.learn(containerId, "shop");
  assert.equal(tree.peerOf().name, "shop", "it was renamed");
});

test("a peer that is kept from before the name was known gets it when it is seen again", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  const peer = tree.peerOf();
  const late = createTree();
  late.learn(containerId, "web");
  const row = late.peers.intern(peer);
  late.addProcess(100, inContainer);
  assert.equal(late.rowOf(), row);
  late.refresh();
  assert.equal(late.peers.get(row).name, "web");
});

test("a peer that is kept from when the name was known keeps it until it is known again", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  const row = tree.peers.intern({ ...tree.peerOf(), name: "web", address: "10.0.0.9" });
  assert.equal(tree.peerOf({}, "10.0.0.9").name, "web");
  assert.equal(tree.rowOf({}, "10.0.0.9"), row);
});

test("a container of LXC or nspawn has no other name than its own", () => {
  const tree = createTree();
  tree.addProcess(100, "0::/lxc.payload.web-1/init.scope\n");
  const { id, kind, name, container } = tree.peerOf();
  assert.deepEqual([id, kind, name, container], ["container:vm/web-1", "container", "web-1", "web-1"]);
});

test("on a hybrid machine a process that has gone is not taken for another container's", () => {
  const tree = createTree();
  tree.addProcess(100, `4:cpu:/docker/${containerId}\n0::/\n`);
  assert.equal(tree.peerOf({ cgroupId: 1 }).container, containerId);
  assert.equal(tree.peerOf({ process: 555, processName: "curl", cgroupId: 1 }).id, "process:vm/curl");
});

test("a process that ended before anybody looked is where its cgroup is", () => {
  const tree = createTree();
  const cgroupId = tree.addCgroup(`/system.slice/docker-${containerId}.scope`);
  const ofService = tree.addCgroup("/system.slice/cron.service");
  assert.equal(tree.peerOf({ process: 555, processName: "curl", cgroupId }).container, containerId);
  assert.equal(
    tree.peerOf({ process: 556, processName: "curl", cgroupId: ofService }).id,
    "unit:vm/cron.service",
  );
});

test("on a hybrid machine a runtime's service is not the unit of who has gone from its containers", () => {
  const tree = createTree({ isHybrid: true });
  const cgroupId = tree.addCgroup("/system.slice/docker.service");
  tree.addProcess(100, `4:cpu:/docker/${containerId}\n0::/system.slice/docker.service\n`);
  tree.addProcess(101, "4:cpu:/system.slice/docker.service\n0::/system.slice/docker.service\n");
  assert.equal(tree.peerOf({ cgroupId }).container, containerId);
  assert.equal(tree.peerOf({ process: 101, processName: "dockerd", cgroupId }).id, "unit:vm/docker.service");
  assert.equal(tree.peerOf({ process: 555, processName: "curl", cgroupId }).id, "process:vm/curl");
});

test("a command line is told only where it is asked for, and is no part of the identity", () => {
  for (const commandLine of [false, true]) {
    const tree = createTree({ commandLine });
    tree.addProcess(100, inSession);
    tree.setCommandLine(100, "python3\0/opt/app.py\0--password=hunter2\0");
    const { id, name, process } = tree.peerOf({ processName: "python3" });
    assert.deepEqual([id, name], ["process:vm/python3", "python3"]);
    assert.equal(process, commandLine ? "python3 /opt/app.py --password=…" : "python3");
    assert.equal(tree.peerOf({ process: 555, processName: "curl" }).process, "curl", "it has ended");
  }
});
