import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createApiClient } from "./api-client.ts";
import { fail, PretendApiServer } from "./pretend-api-server.ts";
import { createWatch, type WatchOptions } from "./watch.ts";

const path = "/api/v1/pods";

function named(name: string, more: object = {}) {
  return { metadata: { name, uid: `uid-${name}`, ...more } };
}

async function follow(
  t: TestContext,
  prepare: (server: PretendApiServer) => void,
  options: Partial<WatchOptions> = {},
) {
  const server = new PretendApiServer();
  await server.start();
  prepare(server);
  const client = createApiClient({
    ...{
      server: server.url,
      place: "test",
      isUnverified: false,
      credentials: async () => ({ token: "secret" }),
    },
  });
  const known = new Map<string, Record<string, unknown>>();
  let unseen = new Set<string>();
  const nameOf = (object: unknown) => (object as { metadata: { name: string } }).metadata.name;
  const states: string[] = [];
  const listener = {
    put(object: unknown) {
      known.set(nameOf(object), object as Record<string, unknown>);
      unseen.delete(nameOf(object));
    },
    remove: (object: unknown) => void known.delete(nameOf(object)),
    listing() {
      unseen = new Set(known.keys());
    },
    listed() {
      for (const name of unseen) known.delete(name);
    },
    changed: () => void states.push(watch.status().state),
  };
  const watch = createWatch(client, listener, {
    ...{ path, retryMilliseconds: 5, deniedMilliseconds: 10, pageSize: 3, random: () => 0.5 },
    ...options,
  });
  t.after(async () => {
    watch.stop();
    client.close();
    await server.stop();
  });
  watch.start();
  const names = () => [...known.keys()].sort().join(" ");
  return { server, watch, known, names, states, client };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const watching = ({ watch }: { watch: { status(): { state: string } } }) =>
  watch.status().state === "watching";

test("a list comes in pages, then each change as it happens", async (t) => {
  const followed = await follow(t, (server) => {
    for (const name of "abcdefgh") server.put(path, named(name));
  });
  const { server, names } = followed;
  await until("it watches", () => watching(followed));
  assert.equal(names(), "a b c d e f g h");
  assert.equal(followed.watch.status().pages, 3);
  assert.deepEqual(
    server.asked.slice(0, 3).map(({ query }) => query.get("limit")),
    ["3", "3", "3"],
  );
  assert.equal(server.asked[0]!.token, "secret");
  assert.equal(server.asked[3]!.query.get("resourceVersion"), "108");
  server.put(path, named("i"));
  server.put(path, named("a", { labels: { x: "1" } }));
  server.remove(path, named("b"));
  await until("changes are known", () => names() === "a c d e f g h i");
  assert.deepEqual((followed.known.get("a")!.metadata as { labels: object }).labels, { x: "1" });
  assert.deepEqual(followed.states, ["starting", "listing", "watching"]);
});

test("a watch that the server ends, or that is cut, goes on where it was, by the last bookmark", async (t) => {
  const followed = await follow(t, (server) => server.put(path, named("a")), { retryMilliseconds: 20 });
  const { server, names, watch } = followed;
  await until("it watches", () => watching(followed));
  server.version = 500;
  server.bookmark(path);
  await until("the bookmark is taken", () => watch.status().heard > 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  server.endWatches(path);
  await until("it is asked again", () => server.countOf(path, true) === 2);
  assert.equal(server.asked.at(-1)!.query.get("resourceVersion"), "500");
  await until("it watches", () => server.watchesOf(path).length === 1);
  server.cutWatches(path);
  server.put(path, named("b"));
  await until("what was missed comes", () => names() === "a b");
  assert.equal(server.countOf(path, false), 1, "there was no new list");
});

test("410 Gone, as an answer or as an event, is a new list: what has gone meanwhile is removed", async (t) => {
  const followed = await follow(t, (server) => {
    for (const name of "abcd") server.put(path, named(name));
  });
  const { server, names, watch } = followed;
  await until("it watches", () => watching(followed));
  server.cutWatches(path);
  server.instead = (_request, response, url) => {
    if (!url.searchParams.has("watch")) return false;
    fail(response, 410, "gone");
    server.instead = undefined;
    server.remove(path, named("a"));
    return true;
  };
  await until("a has gone", () => names() === "b c d");
  assert.equal(watch.status().relists, 1);
  await until("it watches", () => server.watchesOf(path).length === 1);
  server.remove(path, named("zzz"));
  server.forgotten = server.version + 1;
  const [stream] = server.watchesOf(path);
  server.lists.get(path)!.delete("/b");
  stream!.write(
    `${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, message: "gone" } })}\n`,
  );
  server.forgotten = 0;
  await until("b has gone", () => names() === "c d");
  assert.equal(watch.status().relists, 2);
});

test("a list whose continuation expires is begun anew, and at last asked for in one piece", async (t) => {
  const followed = await follow(t, (server) => {
    for (const name of "abcdefgh") server.put(path, named(name));
    server.instead = (_request, response, url) => {
      if (!url.searchParams.has("continue")) return false;
      fail(response, 410, "the provided continue parameter is too old");
      return true;
    };
  });
  await until("it watches", () => watching(followed));
  assert.equal(followed.names(), "a b c d e f g h");
  const limits = followed.server.asked
    .filter(({ query }) => !query.has("watch"))
    .map(({ query }) => query.get("limit"));
  assert.deepEqual(limits, ["3", "3", "3", "3", "3", "3", null]);
});

test("until a new list's first page is here, what is known stays known", async (t) => {
  const followed = await follow(t, (server) => server.put(path, named("a")));
  const { server, names } = followed;
  await until("it watches", () => watching(followed));
  let refused = 0;
  server.forgotten = server.version + 1;
  server.instead = (_request, response, url) => {
    if (url.searchParams.has("watch") || refused > 3) return false;
    refused++;
    fail(response, 500, "etcd is away");
    return true;
  };
  server.cutWatches(path);
  await until("lists are refused", () => refused > 2);
  assert.equal(names(), "a");
  assert.equal(followed.watch.status().state, "away");
  assert.equal(followed.watch.status().reason, "etcd is away");
  server.forgotten = 0;
  await until("it watches", () => watching(followed));
});

test("a stream that comes a byte at a time is read; one in which characters and lines are cut, too", async (t) => {
  const followed = await follow(t, () => {});
  const { server, known } = followed;
  await until("it watches", () => watching(followed));
  const line = Buffer.from(
    `${JSON.stringify({ type: "ADDED", object: named("a", { labels: { x: "été 航海図" } }) })}\n`,
  );
  const [stream] = server.watchesOf(path);
  for (const byte of line) {
    stream!.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream!.write(Buffer.concat([line, line.subarray(0, 20)]));
  stream!.write(line.subarray(20));
  await until("it is known", () => known.has("a") && followed.watch.status().events === 3);
  assert.deepEqual((known.get("a")!.metadata as { labels: object }).labels, { x: "été 航海図" });
});

test("a stream that is silent is begun anew", async (t) => {
  const followed = await follow(t, (server) => server.put(path, named("a")), { idleMilliseconds: 30 });
  await until("it is asked again and again", () => followed.server.countOf(path, true) > 3);
  assert.equal(followed.names(), "a");
  assert.equal(followed.client.load.failures, 0);
  assert.deepEqual(followed.states, ["starting", "listing", "watching"], "nothing is wrong with silence");
});

test("403 is told with what the server says, and asked again", async (t) => {
  const followed = await follow(t, (server) => {
    server.instead = (_request, response) => {
      fail(response, 403, 'pods is forbidden: User "x" cannot list resource "pods"');
      return true;
    };
  });
  await until("it is denied", () => followed.watch.status().state === "denied");
  assert.match(followed.watch.status().reason, /cannot list resource "pods"/);
  followed.server.instead = undefined;
  await until("it watches", () => watching(followed));
});

test("objects that the API server does not have are no failure", async (t) => {
  const followed = await follow(t, (server) => {
    server.instead = (_request, response) => {
      fail(response, 404, "the server could not find the requested resource");
      return true;
    };
  });
  await until("it is absent", () => followed.watch.status().state === "absent");
});

test("an API server that is away at the start and later is asked until it is back", async (t) => {
  const followed = await follow(t, () => {});
  const { server, watch, names } = followed;
  await until("it watches", () => watching(followed));
  await server.stop();
  await until("it is away", () => watch.status().state === "away");
  assert.match(watch.status().reason, /nobody listens there|the connection was closed/);
  server.put(path, named("a"));
  await server.start();
  await until("it is back", () => watching(followed) && names() === "a");
});

test("a server that asks to wait is not asked before", async (t) => {
  const times: number[] = [];
  const followed = await follow(t, (server) => {
    server.instead = (_request, response) => {
      times.push(performance.now());
      if (times.length > 1) return false;
      fail(response, 429, "too many requests", { "retry-after": "1" });
      return true;
    };
  });
  await until("it watches", () => watching(followed));
  assert.ok(times[1]! - times[0]! >= 900);
});

test("lines that are no events, a server that ends every watch at once: never asked without a pause", async (t) => {
  const followed = await follow(t, (server) => {
    server.instead = (_request, response, url) => {
      if (!url.searchParams.has("watch")) return false;
      response.end("not json\n[1,2]\n");
      return true;
    };
  });
  const { server, watch } = followed;
  await until("it is asked often", () => server.countOf(path, true) > 12);
  assert.ok(watch.status().relists >= 1, "after several it lists anew");
  assert.equal(watch.status().events, 0);
  server.instead = (_request, response, url) => {
    if (!url.searchParams.has("watch")) return false;
    response.end();
    return true;
  };
  const before = server.asked.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(server.asked.length - before < 60, "5 ms and more between two");
});

test("after stop nothing is asked and nothing told", async (t) => {
  const followed = await follow(t, (server) => server.put(path, named("a")));
  const { server, watch, states } = followed;
  await until("it watches", () => watching(followed));
  watch.stop();
  await until("the watch is closed", () => server.watchesOf(path).length === 0);
  const [asked, told] = [server.asked.length, states.length];
  server.put(path, named("b"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([server.asked.length, states.length, followed.names()], [asked, told, "a"]);
});

test("metadata alone is asked for where it is enough", async (t) => {
  const followed = await follow(t, () => {}, { metadataOnly: true });
  await until("it watches", () => watching(followed));
  assert.match(followed.server.asked[0]!.accept, /as=PartialObjectMetadataList;g=meta.k8s.io;v=v1/);
  assert.match(followed.server.asked.at(-1)!.accept, /as=PartialObjectMetadata;g=meta.k8s.io;v=v1/);
});
