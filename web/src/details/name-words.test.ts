import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFilterTerm, parseFilter } from "../../../src/query/index.ts";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { Agents, LookedUpName } from "../data/answers.ts";
import {
  areNamesExpected,
  latencyText,
  mayLookUp,
  nameTerm,
  nameText,
  troubleText,
  whyNoNames,
} from "./name-words.ts";

const looked = (name: string, changes: Partial<LookedUpName> = {}): LookedUpName => ({
  ...{ name, queries: 3, answers: 3, failures: 0, failureCounts: {}, timedOut: 0 },
  ...{ latencyMeanMs: 1.25, latencyMaxMs: 120, lastSeen: 0, peers: 1, ...changes },
});

test("a name that was answered is a filter for the links to what it leads to; in a cluster that is the Service", () => {
  assert.equal(nameTerm(looked("api.example.com")), "server.name:api.example.com");
  const service = nameTerm(looked("cart.shop.svc.cluster.local"));
  assert.equal(service, "server.service:cart server.namespace:shop");
  for (const name of ["a\\042b.example", "*.example", 'x"y', "\u202eevil", "_ldap._tcp.example"])
    assert.equal(parseFilter(nameTerm(looked(name))!, "links").error, undefined, name);
  for (const name of ["~other", "~reverse", ""]) assert.equal(nameTerm(looked(name)), undefined, name);
  assert.equal(nameTerm(looked("gone.example", { failures: 3 })), undefined, "it leads nowhere");
  assert.equal(nameTerm(looked("slow.example", { answers: 0, timedOut: 3 })), undefined);
});

test("names that stand for several are told in words, and so is what went wrong", () => {
  assert.deepEqual(
    ["~other", "~reverse", "", "a.example"].map((name) => nameText({ name })),
    ["other names", "names of addresses", "the root", "a.example"],
  );
  for (const name of Object.getOwnPropertyNames(Object.prototype)) {
    assert.equal(nameText({ name }), name);
    assert.equal(nameTerm(looked(name)), formatFilterTerm("server.name", name));
  }
  const failureCounts = { NXDOMAIN: 2, other: 1 };
  assert.equal(troubleText(looked("a", { failureCounts, timedOut: 4 })), "2 NXDOMAIN, 1 failed, 4 timed out");
  assert.equal(troubleText(looked("a")), "");
  assert.equal(latencyText(looked("a")), "mean 1.3 ms, max 120 ms");
  assert.equal(latencyText(looked("a", { latencyMeanMs: null, latencyMaxMs: null })), "");
});

const peer = (changes: Partial<TopologyPeer>) =>
  ({ kind: "container", process: "curl", container: "abc", node: "web-1", ...changes }) as TopologyPeer;
const agents = (...reasons: (string | undefined)[]): Agents =>
  ({
    agents: reasons.map((reason, i) => ({
      node: `web-${i + 1}`,
      parts: [
        { name: "tcp", isOn: true, reason: "" },
        { name: "dns", isOn: reason === undefined, reason: reason ?? "" },
      ],
    })),
  }) as unknown as Agents;

test("where there are no names it says why, as far as that is known", () => {
  assert.match(whyNoNames([peer({})], agents(undefined)), /^No lookup was seen in this time\. DNS over TCP/);
  assert.match(whyNoNames([peer({})], undefined), /^No lookup was seen/);
  assert.equal(
    whyNoNames([peer({ node: "web-1/blue" })], agents("agent.dns is false", undefined)),
    "The agent on web-1 does not read DNS: agent.dns is false.",
  );
  assert.equal(whyNoNames([peer({})], agents("")), "The agent on web-1 does not read DNS.");
  const both = [peer({}), peer({ node: "web-2" })];
  assert.equal(whyNoNames(both, agents("x", "y")), "The agents on its 2 machines do not read DNS: x.");
  assert.match(whyNoNames(both, agents("x", undefined)), /^No lookup was seen/, "one of them does");
  const unseen = peer({ kind: "pod", process: "", container: "" });
  assert.equal(whyNoNames([unseen], agents(undefined)), "No agent sees the DNS of this peer.");
  assert.equal(whyNoNames([unseen, unseen], undefined), "No agent sees the DNS of these peers.");
});

test("of the outside nobody is asked; of what was folded names are shown where there are some", () => {
  const of = (...kinds: string[]) => kinds.map((kind) => peer({ kind: kind as never }));
  for (const [kinds, isAsked, isExpected] of [
    [["host"], false, false],
    [["service", "country", "as"], false, false],
    [["host", "pod"], true, true],
    [["namespace"], true, false],
    [[], true, false],
  ] as const)
    assert.deepEqual(
      [mayLookUp(of(...kinds)), areNamesExpected(of(...kinds))],
      [isAsked, isExpected],
      kinds.join(),
    );
});
