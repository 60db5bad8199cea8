import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilter } from "../../../src/query/index.ts";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { NestKind } from "../nest/nest-path.ts";
import { cliCommand, quoted } from "./cli-command.ts";
import { gatheredTerm } from "./group-terms.ts";

const peer = (id: string) =>
  ({ id, name: id, kind: "pod", namespace: "shop", asNumber: 3320 }) as TopologyPeer;
const group = (kind: NestKind, id: string, name: string) => ({
  id,
  name,
  peers: [peer("a b"), peer('c"d')],
  group: { id, kind, name },
});

test("every group and peer has a term that the language takes, at either end or at both", () => {
  const all = [
    group("namespace", "namespace:shop", "shop"),
    group("workload", "workload:shop/Deployment/web", "web"),
    group("node", "node:lab 1", "lab 1"),
    group("network", "network:10.0.0.0/24", "10.0.0.0/24"),
    group("internet", "internet", "internet"),
    group("country", "country:DE", "Germany"),
    group("system", "as:DE/3320", "Deutsche Telekom"),
    group("domain", "domain:DE/3320/example.org", "example.org"),
    { id: "a b", name: "a b", peers: [peer("a b")], group: undefined },
  ];
  for (const one of all)
    for (const end of [undefined, "client", "server"] as const) {
      const term = gatheredTerm(one, end);
      assert.equal(parseFilter(term, "links").error, undefined, term);
      if (end !== undefined) assert.ok(term.startsWith(`${end}.`), term);
    }
});

test("a command for the shell, whatever the filter has in it", () => {
  assert.equal(quoted("a'b"), `'a'\\''b'`);
  const location = { origin: "http://server:8080", pathname: "/portolan/index.html" };
  assert.equal(
    cliCommand('-name:"$(x)"', { kind: "last", span: "1h" }, location),
    `portolan query --server 'http://server:8080/portolan' --from=-1h -- '-name:"$(x)"'`,
  );
});
