import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { createRuntimeFiles } from "./runtime-files.ts";

const top = mkdtempSync(join(tmpdir(), "portolan-runtimes-"));
after(() => rmSync(top, { recursive: true }));
let treeCount = 0;
let changes = 0;
const id = "ab12".padEnd(64, "0");

function createTree() {
  const root = join(top, String(++treeCount));
  const files = createRuntimeFiles({ root });
  return {
    files,
    nameOf: () => files.nameOf(id),
    write(path: string, content: unknown) {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
      utimesSync(file, ++changes, changes); // some file systems' times are too coarse for two writes of a moment
    },
  };
}

const containerdAnnotations = {
  "io.kubernetes.cri.container-name": "nginx",
  "io.kubernetes.cri.container-type": "container",
  "io.kubernetes.cri.sandbox-id": "f".repeat(64),
  "io.kubernetes.cri.sandbox-name": "web-7f8",
  "io.kubernetes.cri.sandbox-namespace": "shop",
};
const crioAnnotations = {
  "io.kubernetes.container.name": "nginx",
  "io.kubernetes.pod.name": "web-7f8",
  "io.kubernetes.pod.namespace": "shop",
  "io.kubernetes.cri-o.ContainerType": "container",
};
const oci = (annotations: object) => ({ ociVersion: "1.1.0", process: { args: ["nginx"] }, annotations });

/** Every place that is known, with what a runtime writes there. */
const places: [string, string, unknown, string][] = [
  ...[
    "/run/containerd",
    "/run/k3s/containerd",
    "/run/k0s/containerd",
    "/var/snap/microk8s/common/run/containerd",
  ].map((state): [string, string, unknown, string] => [
    `containerd in ${state}`,
    `${state}/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`,
    oci(containerdAnnotations),
    "shop/web-7f8/nginx",
  ]),
  [
    "nerdctl",
    `/run/containerd/io.containerd.runtime.v2.task/default/${id}/config.json`,
    oci({ "nerdctl/name": "web" }),
    "web",
  ],
  [
    "CRI-O",
    `/run/containers/storage/overlay-containers/${id}/userdata/config.json`,
    oci(crioAnnotations),
    "shop/web-7f8/nginx",
  ],
  [
    "CRI-O, on disk",
    `/var/lib/containers/storage/overlay-containers/${id}/userdata/config.json`,
    oci(crioAnnotations),
    "shop/web-7f8/nginx",
  ],
  [
    "Docker without its socket",
    `/var/lib/docker/containers/${id}/config.v2.json`,
    { ID: id, Name: "/web", Config: { Labels: { "com.docker.compose.service": "web" } } },
    "web",
  ],
  [
    "podman",
    "/var/lib/containers/storage/overlay-containers/containers.json",
    [
      { id: "c".repeat(64), names: ["db"] },
      { id, names: ["web"], metadata: "{}" },
    ],
    "web",
  ],
  [
    "podman run --rm",
    "/run/containers/storage/overlay-containers/volatile-containers.json",
    [{ id, names: ["web"] }],
    "web",
  ],
];
for (const [name, path, content, expected] of places) {
  test(`the name of a container of ${name}`, async () => {
    const tree = createTree();
    assert.equal(await tree.nameOf(), "");
    tree.write(path, content);
    assert.equal(await tree.nameOf(), expected);
    assert.equal(await tree.files.nameOf("d".repeat(64)), "", "another has none");
  });
}

const dockerFile = `/var/lib/docker/containers/${id}/config.v2.json`;
const podmanFile = "/var/lib/containers/storage/overlay-containers/containers.json";
for (const [name, path, content] of [
  ["half a file", dockerFile, '{"ID":"ab12","Na'],
  ["a list where an object is expected", dockerFile, []],
  ["a name that is a number", dockerFile, { Name: 7 }],
  ["labels that are a text", dockerFile, { Config: { Labels: "x" } }],
  ["an object where a list is expected", podmanFile, { [id]: "web" }],
  ["containers without names", podmanFile, [{ id }, { id, names: [] }, { id, names: [7] }, null, 7]],
  [
    "more than anybody writes",
    podmanFile,
    JSON.stringify([{ id, names: ["web"] }]) + " ".repeat(5 * 1024 * 1024),
  ],
] as const) {
  test(`${name} is no name`, async () => {
    const tree = createTree();
    tree.write(path, content);
    assert.equal(await tree.nameOf(), "");
  });
}

test("a folder, or a device, in the file's place is no name", async () => {
  const tree = createTree();
  tree.write(`${dockerFile}/inside`, "");
  assert.equal(await tree.nameOf(), "");
});

test("podman's list is read again when it has changed", async () => {
  const tree = createTree();
  tree.write(podmanFile, [{ id, names: ["web"] }]);
  assert.equal(await tree.nameOf(), "web");
  tree.write(podmanFile, [{ id, names: ["shop"] }]);
  assert.equal(await tree.nameOf(), "shop");
});

test("an id that is not one is no part of a path", async () => {
  const tree = createTree();
  tree.write("/var/lib/docker/containers/web/config.v2.json", { Name: "/web" });
  for (const wrong of ["web", `${id}/../web`, "", "../../../etc"])
    assert.equal(await tree.files.nameOf(wrong), "");
});

test("it says which runtimes have files here", () => {
  const tree = createTree();
  assert.deepEqual(tree.files.status(), { name: "files", state: "off", reason: "no runtime has files here" });
  tree.write(`/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`, {});
  tree.write(podmanFile, []);
  assert.equal(tree.files.status().state, "on");
  assert.match(tree.files.status().reason, /containerd.*podman/);
});
