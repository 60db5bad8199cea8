import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createApiClient } from "./api-client.ts";
import type { OwnerReference } from "./objects.ts";
import { createOwners, type OwnersOptions } from "./owners.ts";
import { fail, PretendApiServer } from "./pretend-api-server.ts";

const kinds: Readonly<Record<string, string>> = {
  ReplicaSet: "replicasets",
  Deployment: "deployments",
  Rollout: "rollouts",
};

function reference(kind: string, name: string): OwnerReference {
  return { apiVersion: "apps/v1", kind, name, uid: `uid-${kind}-${name}` };
}

/** `[kind, name, owner]` per object there is. */
async function ownersOf(
  t: TestContext,
  given: [string, string, OwnerReference?][],
  options: OwnersOptions = {},
) {
  const server = new PretendApiServer();
  await server.start();
  const clock = { now: 1_000_000 };
  const byPath = new Map<string, object>();
  for (const [kind, name, owner] of given) {
    const ownerReferences = owner === undefined ? [] : [{ ...owner, controller: true }];
    const metadata = { name, namespace: "shop", uid: `uid-${kind}-${name}`, ownerReferences };
    byPath.set(`/apis/apps/v1/namespaces/shop/${kinds[kind]}/${name}`, { metadata });
    server.put(`/apis/apps/v1/${kinds[kind]}`, { metadata });
  }
  const denied = new Set<string>();
  server.instead = (_request, response, { pathname }) => {
    const plural = Object.values(kinds).find((name) => pathname.includes(name)) ?? "";
    if (denied.has(plural)) fail(response, 403, `cannot get resource "${plural}"`);
    else if (pathname === "/apis/apps/v1") {
      const resources = Object.entries(kinds).map(([kind, name]) => ({ kind, name, namespaced: true }));
      response.end(
        JSON.stringify({ resources: [...resources, { kind: "Scale", name: "deployments/scale" }] }),
      );
    } else if (byPath.has(pathname)) response.end(JSON.stringify(byPath.get(pathname)));
    else if (pathname.includes("/namespaces/")) fail(response, 404, "not found");
    else return false;
    return true;
  };
  const client = createApiClient({
    ...{ server: server.url, place: "test", isUnverified: false, credentials: async () => ({}) },
  });
  t.after(async () => {
    client.close();
    await server.stop();
  });
  const owners = createOwners(client, () => clock.now, options);
  const askAll = async () => {
    for (let round = 0; round < 20 && owners.waiting > 0; round++)
      await owners.ask(new AbortController().signal);
  };
  const top = (kind: string, name: string) => {
    const found = owners.topOf(reference(kind, name), "shop");
    return `${found.kind}/${found.name}`;
  };
  return { owners, server, clock, askAll, top, denied, byPath };
}

test("owners are followed to the top, each asked for once", async (t) => {
  const rollout = reference("Rollout", "api");
  const { owners, server, askAll, top } = await ownersOf(t, [
    ["ReplicaSet", "api-1", reference("Deployment", "api")],
    ["Deployment", "api", rollout],
    ["Rollout", "api"],
  ]);
  assert.equal(top("ReplicaSet", "api-1"), "ReplicaSet/api-1", "until more is known");
  await askAll();
  assert.equal(top("ReplicaSet", "api-1"), "Rollout/api");
  assert.deepEqual([owners.count, owners.waiting], [3, 0]);
  assert.deepEqual(
    server.asked.map(({ path }) => path),
    [
      "/apis/apps/v1",
      "/apis/apps/v1/namespaces/shop/replicasets/api-1",
      "/apis/apps/v1/namespaces/shop/deployments/api",
      "/apis/apps/v1/namespaces/shop/rollouts/api",
    ],
  );
  assert.match(server.asked[1]!.accept, /PartialObjectMetadata;/);
});

test("owners in a circle: the pod's own owner is the top, and nothing goes round for ever", async (t) => {
  const { askAll, top, owners } = await ownersOf(t, [
    ["ReplicaSet", "a", reference("Deployment", "b")],
    ["Deployment", "b", reference("Rollout", "c")],
    ["Rollout", "c", reference("Deployment", "b")],
    ["ReplicaSet", "self", reference("ReplicaSet", "self")],
  ]);
  for (let i = 0; i < 3; i++) {
    top("ReplicaSet", "a");
    top("ReplicaSet", "self");
    await askAll();
  }
  assert.equal(top("ReplicaSet", "a"), "ReplicaSet/a");
  assert.equal(top("ReplicaSet", "self"), "ReplicaSet/self");
  assert.equal(owners.count, 4);
});

test("an owner that is no more is the top, by the name it is referred to; so is one whose kind is no more", async (t) => {
  const { askAll, top, owners } = await ownersOf(t, [
    ["ReplicaSet", "api-1", reference("Deployment", "gone")],
    ["ReplicaSet", "api-2", { ...reference("Widget", "w"), apiVersion: "apps/v1" }],
  ]);
  top("ReplicaSet", "api-1");
  top("ReplicaSet", "api-2");
  await askAll();
  assert.equal(top("ReplicaSet", "api-1"), "Deployment/gone");
  assert.equal(top("ReplicaSet", "api-2"), "Widget/w");
  await askAll();
  assert.equal(owners.waiting, 0);
});

test("another object of the same name is not the owner", async (t) => {
  const { askAll, top, byPath } = await ownersOf(t, [
    ["ReplicaSet", "api-1", reference("Deployment", "api")],
  ]);
  const metadata = {
    uid: "another",
    name: "api",
    ownerReferences: [{ ...reference("Rollout", "x"), controller: true }],
  };
  byPath.set("/apis/apps/v1/namespaces/shop/deployments/api", { metadata });
  top("ReplicaSet", "api-1");
  await askAll();
  assert.equal(top("ReplicaSet", "api-1"), "Deployment/api");
});

test("a kind that may not be asked for is told once, with its rule, and asked again after a while", async (t) => {
  const { owners, denied, askAll, top, clock, server } = await ownersOf(t, [
    ["ReplicaSet", "api-1", reference("Deployment", "api")],
    ["Deployment", "api", reference("Rollout", "r")],
    ["Rollout", "r"],
  ]);
  denied.add("deployments");
  top("ReplicaSet", "api-1");
  await askAll();
  assert.equal(top("ReplicaSet", "api-1"), "Deployment/api");
  assert.deepEqual(owners.problems(), [
    {
      resource: "deployments.apps",
      reason: 'cannot get resource "deployments"',
      rule: "{apiGroups: [apps], resources: [deployments], verbs: [get, list]}",
    },
  ]);
  const before = server.asked.length;
  top("ReplicaSet", "api-2");
  await askAll();
  assert.equal(server.asked.length, before + 1, "only the ReplicaSet");
  denied.clear();
  clock.now += 1_900_000;
  top("ReplicaSet", "api-1");
  owners.sweep();
  await askAll();
  assert.equal(top("ReplicaSet", "api-1"), "Rollout/r");
  assert.deepEqual(owners.problems(), []);
});

test("many of one kind are asked for with one list, in pages", async (t) => {
  const given = Array.from({ length: 700 }, (_, i): [string, string, OwnerReference] => [
    ...(["ReplicaSet", `rs-${i}`] as const),
    reference("Deployment", `d-${i % 7}`),
  ]);
  const { askAll, top, server, owners } = await ownersOf(t, given);
  for (let i = 0; i < 700; i++) top("ReplicaSet", `rs-${i}`);
  await askAll();
  assert.equal(top("ReplicaSet", "rs-699"), "Deployment/d-6");
  const lists = server.asked.filter(({ path }) => path === "/apis/apps/v1/replicasets");
  assert.deepEqual(
    lists.map(({ query }) => query.get("limit")),
    ["250", "250", "250"],
  );
  assert.equal(server.asked.filter(({ path }) => path.includes("/namespaces/shop/replicasets/")).length, 0);
  assert.equal(owners.waiting, 0);
});

test("owners are bounded, and those of no use any more are forgotten", async (t) => {
  const { owners, top, clock } = await ownersOf(t, [], { ownersMax: 10 });
  for (let i = 0; i < 50; i++) assert.equal(top("ReplicaSet", `rs-${i}`), `ReplicaSet/rs-${i}`);
  assert.equal(owners.count, 10);
  clock.now += 3_700_000;
  owners.sweep();
  assert.deepEqual([owners.count, owners.waiting], [0, 0]);
});

test("an API server that is away leaves owners waiting", async (t) => {
  const { owners, top, server } = await ownersOf(t, [["ReplicaSet", "a"]]);
  await server.stop();
  top("ReplicaSet", "a");
  await owners.ask(new AbortController().signal);
  assert.equal(owners.waiting, 1);
  await server.start();
  await owners.ask(new AbortController().signal);
  assert.equal(owners.waiting, 0);
});
