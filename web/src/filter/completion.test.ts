import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilter } from "../../../src/query/index.ts";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { completionQuestion, completions } from "./completion.ts";

const peer = (name: string, kind: string, group: string) =>
  ({
    id: name,
    name,
    kind,
    group,
    addresses: [],
    node: "",
    process: "",
    container: "",
  }) as unknown as TopologyPeer;
const flat = {
  peers: new Map(
    [
      peer("nginx", "pod", "ingress"),
      peer('odd "name"', "process", "lab"),
      peer("ngrok", "process", "lab"),
    ].map((one) => [one.id, one]),
  ),
  links: new Map([
    [
      "l",
      {
        ports: [{ port: 443, protocol: "tcp" }],
        observers: [{ id: "exporter:r1", kind: "exporter", name: "r1" }],
      } as unknown as TopologyLink,
    ],
  ]),
};
const labels = (text: string, caret = text.length) =>
  completions(text, caret, flat).map(({ label }) => label);
const first = (text: string, caret = text.length) => {
  const [found] = completions(text, caret, flat);
  return found && `${found.text.slice(0, found.caret)}|${found.text.slice(found.caret)}`;
};

test("fields while a field is typed, also behind a minus and a parenthesis", () => {
  assert.deepEqual(labels("na"), ["name:", "namespace:"]);
  assert.equal(first("port:443 -(ki"), "port:443 -(kind:|");
  assert.equal(first("server.na"), "server.name:|");
  assert.deepEqual(labels("cli")[0], "client.");
  assert.equal(first("fai"), "failed>|");
  assert.ok(!labels("server.po").includes("protocol:"), "a link's own field has no end");
});

test("values that are on the map behind a field, what starts so first", () => {
  assert.deepEqual(labels("name:ng"), ["nginx", "ngrok"]);
  assert.equal(first("kind:"), "kind:process|");
  assert.equal(first("name:nginx,ngr"), "name:nginx,ngrok|");
  assert.equal(first("port:4"), "port:443|");
  assert.equal(first("exporter:r"), "exporter:r1|");
});

test("what follows the caret stays", () => {
  assert.equal(first("kind:po name:x", 7), "kind:pod| name:x");
});

test("a value that needs quotes gets them, and the filter reads it", () => {
  const [found] = completions("name:odd", 8, flat);
  assert.equal(parseFilter(found!.text, "links").error, undefined);
  assert.match(found!.text, /^name:".*"$/);
});

test("inside quotes nothing is offered, and nothing typed breaks it", () => {
  assert.deepEqual(labels('name:"ng'), []);
  for (const text of ["", " ", "(((", "--", ":", "a:b:c", "name:,", '"', "client.", "client.:", "\\"])
    completions(text, text.length, flat);
});

test("what the server knows stands behind what is on the map, once", () => {
  const offered = completions("kind:p", 6, flat, ["process", "pod", "podling"]);
  assert.deepEqual(
    offered.map(({ label }) => label),
    ["process", "pod", "podling"],
  );
  assert.equal(offered[2]!.text, "kind:podling");
  assert.deepEqual(completions("port:443", 8, flat, ["443", ""]), []);
  const many = Array.from({ length: 50 }, (_, i) => `p${i}`);
  assert.equal(completions("kind:p", 6, flat, many).length, 12);
});

test("the server is asked for what has values: fields of ends and links, labels and their keys", () => {
  const question = (text: string) => completionQuestion(text, text.length);
  assert.deepEqual(question("client.namespace:sh"), { field: "namespace", prefix: "sh" });
  assert.deepEqual(question("port:80,4"), { field: "port", prefix: "4" });
  assert.deepEqual(question("-(label.ap"), { field: "label", prefix: "ap" });
  assert.deepEqual(question("label.app:ca"), { field: "label.app", prefix: "ca" });
  for (const text of ["", "na", "bytes>1", "nosuch:x", 'name:"two w'])
    assert.equal(question(text), undefined, text);
  const [key] = completions("server.label.ap", 15, flat, ["app"]);
  assert.equal(key!.text, "server.label.app:");
});
