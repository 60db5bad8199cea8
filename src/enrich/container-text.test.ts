import assert from "node:assert/strict";
import { test } from "node:test";
import { containerNameOf } from "./container-text.ts";

const pod = { "io.kubernetes.pod.name": "web-7f8", "io.kubernetes.pod.namespace": "shop" };

const names: [string, Record<string, unknown>, string, string][] = [
  ["Docker's name", {}, "/web", "web"],
  ["Docker's name in an event", {}, "web", "web"],
  [
    "a pod's container, by containerd",
    {
      "io.kubernetes.cri.container-name": "nginx",
      "io.kubernetes.cri.sandbox-name": "web-7f8",
      "io.kubernetes.cri.sandbox-namespace": "shop",
    },
    "",
    "shop/web-7f8/nginx",
  ],
  [
    "a pod's sandbox, by containerd",
    { "io.kubernetes.cri.sandbox-name": "web-7f8", "io.kubernetes.cri.sandbox-namespace": "shop" },
    "",
    "shop/web-7f8",
  ],
  [
    "a pod's container, by CRI-O",
    { ...pod, "io.kubernetes.container.name": "nginx" },
    "",
    "shop/web-7f8/nginx",
  ],
  ["a pod's sandbox, by CRI-O", { ...pod, "io.kubernetes.container.name": "POD" }, "", "shop/web-7f8"],
  [
    "CRI-O's own words for it",
    { "io.kubernetes.cri-o.KubeName": "web-7f8", "io.kubernetes.cri-o.Namespace": "shop" },
    "",
    "shop/web-7f8",
  ],
  [
    "a pod's container, by Docker",
    { ...pod, "io.kubernetes.container.name": "nginx" },
    "/k8s_nginx_web-7f8_shop_0",
    "shop/web-7f8/nginx",
  ],
  ["nerdctl's name", { "nerdctl/name": "web" }, "", "web"],
  ["no name", {}, "", ""],
  ["labels that are no texts", { "nerdctl/name": { toString: "x" } }, "/web", "web"],
  ["a label of every object", { constructor: "x" }, "", ""],
  ["colours of a terminal", {}, "/\x1b[31mred\x1b[0m\r\n", "[31mred[0m"],
  ["text turned around", {}, "/gpj\u202eexe.\u2066web\u2028", "gpjexe.web"],
  ["markup is text", {}, "/<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
  ["nothing but spaces", {}, "/ \u2003 ", ""],
  ["half a character", {}, "/web\ud83d", "web"],
];
for (const [what, labels, name, expected] of names) {
  test(`a container's name: ${what}`, () => assert.equal(containerNameOf(labels, name), expected));
}

test("a name without end is cut between characters", () => {
  const shown = containerNameOf({}, "😀".repeat(1_000_000));
  assert.equal([...shown].length, 160);
  assert.ok(shown.isWellFormed());
});
