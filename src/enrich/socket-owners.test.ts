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
const inService = "0::/system.slice/ssh.service\n";

/** A /proc and a /run/netns of their own, and owners read from them. */
function createTree({ rowsMax = 100 } = {}) {
  const tree = join(root, String(++treeCount));
  const procFolder = join(tree, "proc");
  const namedNamespacesFolder = join(tree, "netns");
  mkdirSync(procFolder, { recursive: true });
  mkdirSync(namedNamespacesFolder);
  let changes = 0;
  /** Some kernels' file times are too coarse to tell two changes of one moment apart. */
  const namespacesChanged = () => utimesSync(namedNamespacesFolder, ++changes, changes);
  const drops: string[] = [];
  const peers = new PeerTable(rowsMax, (reason) => drops.push(reason));
  const owners = createSocketOwners({
    ...{ peers, node: "vm", procFolder, namedNamespacesFolder },
    cgroupRoot: () => join(tree, "cgroup"),
  });
  return {
    peers,
    drops,
    addProcess(process: number, cgroup: string, exe?: string) {
      mkdirSync(join(procFolder, String(process)));
      writeFileSync(join(procFolder, String(process), "cgroup"), cgroup);
      if (exe !== undefined) symlinkSync(exe, join(procFolder, String(process), "exe"));
    },
    addCgroup(path: string) {
      mkdirSync(join(tree, "cgroup", path), { recursive: true });
      return statSync(join(tree, "cgroup", path)).ino;
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
  tree.addProcess(100, inService);
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
  tree.addProcess(100, inService);
  tree.addProcess(101, inService);
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

test("a process that nobody saw alive is in the container whose cgroup there is", () => {
  const tree = createTree();
  const cgroupId = tree.addCgroup(`system.slice/docker-${containerId}.scope`);
  const { id, name, process } = tree.peerOf({ process: 555, processName: "curl", cgroupId });
  assert.deepEqual([id, name, process], [`container:vm/${containerId}`, "curl ab1200000000", "curl"]);
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
    tree.addProcess(100, inService, exe);
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
  tree.addProcess(100, inService);
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
  tree.addProcess(100, inService);
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
  tree.addProcess(100, inService);
  const second = tree.rowOf({ processName: "sshd", cgroupId: 9 });
  assert.notEqual(second, first);
  assert.equal(tree.peers.get(second).id, "process:vm/sshd");
});

test("a process id used again by a program of the same name in another cgroup is read again", () => {
  const tree = createTree();
  tree.addProcess(100, inContainer);
  assert.equal(tree.peerOf({ cgroupId: 7 }).kind, "container");
  tree.endProcess(100);
  tree.addProcess(100, inService);
  assert.equal(tree.peerOf({ cgroupId: 9 }).kind, "process");
});

test("after a sweep of the peers, rows are taken anew", () => {
  const tree = createTree();
  tree.addProcess(100, inService);
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
