import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { formatTokenHash, hashToken } from "./auth-config.ts";
import { environmentVariable, readConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { isLoopbackHost } from "./loopback-host.ts";

const folder = mkdtempSync(join(tmpdir(), "portolan-config-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "portolan.yaml");

interface Given {
  yaml?: string;
  environment?: Record<string, string>;
  flags?: Record<string, unknown>;
}

function read({ yaml, environment = {}, flags = {} }: Given = {}) {
  if (yaml !== undefined) writeFileSync(file, yaml);
  return readConfig({ file: yaml === undefined ? undefined : file, environment, flags });
}

/** The problems a configuration has, with the file's name as FILE. */
function problemsOf(given: Given): string[] {
  try {
    read(given);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map((problem) => problem.replaceAll(file, "FILE"));
  }
  return [];
}

test("without anything said, the defaults hold", () => {
  const { data, ...config } = read();
  assert.ok(data.endsWith("portolan"));
  assert.deepEqual(config, {
    listen: { host: "127.0.0.1", port: 8080 },
    flows: [
      { host: "0.0.0.0", port: 2055 },
      { host: "0.0.0.0", port: 6343 },
    ],
    exporters: { allow: [], workers: 1 },
    tls: {},
    limits: { rate: 100, requests: 64, questions: 8, streams: 256, connections: 4096 },
    log: "info",
    agent: {
      ...{ enabled: true, loopback: true, containers: true, commandLine: false, connections: 262_144 },
      ...{
        ebpf: true,
        softErrors: true,
        datagrams: true,
        dns: true,
        lookups: true,
        resolvers: [],
        nat: true,
        pods: true,
        flows: 65_536,
      },
    },
    networks: [],
    geo: { country: "bundled", city: "off", asn: "bundled" },
    reverseDns: "inside",
    kubernetes: { enabled: "auto", kubeconfig: "", context: "" },
    store: { flows: 168, minutes: 48, links: 2160, size: 10e9, memory: 256e6 },
    metrics: { links: true, limit: 5000, staleAfter: 900, compat: [], remoteWrite: [] },
    grafana: {},
  });
});

test("an empty file says nothing", () => {
  for (const yaml of ["", "# nothing yet\n", "---\n"]) assert.deepEqual(read({ yaml }), read());
});

test("a flag goes before the environment, the environment before the file, the file before the default", () => {
  const yaml = "listen: 127.0.0.1:1001\nagent:\n  connections: 2001\n  loopback: false\n";
  const environment = { PORTOLAN_LISTEN: "127.0.0.1:1002", PORTOLAN_AGENT_CONNECTIONS: "2002" };
  const flags = { listen: "127.0.0.1:1003", "agent.enabled": false, data: undefined };
  assert.equal(read({ yaml }).listen.port, 1001);
  assert.equal(read({ yaml, environment }).listen.port, 1002);
  assert.equal(read({ yaml, environment, flags }).listen.port, 1003);
  assert.deepEqual(read({ yaml, environment, flags }).agent, {
    enabled: false,
    loopback: false,
    containers: true,
    commandLine: false,
    connections: 2002,
    ebpf: true,
    softErrors: true,
    datagrams: true,
    dns: true,
    lookups: true,
    resolvers: [],
    nat: true,
    pods: true,
    flows: 65_536,
  });
});

test("the environment's names are the paths in upper case", () => {
  assert.equal(environmentVariable("agent.connections"), "PORTOLAN_AGENT_CONNECTIONS");
  const { listen, flows, data, auth, agent, store } = read({
    environment: {
      PORTOLAN_LISTEN: "[::]:80",
      PORTOLAN_FLOWS: "udp://:1, udp://[::1]:2",
      PORTOLAN_DATA: "2026",
      PORTOLAN_AUTH: "none",
      PORTOLAN_AGENT_ENABLED: "false",
      PORTOLAN_AGENT_LOOPBACK: "true",
      PORTOLAN_STORE_FLOWS: "36h",
      PORTOLAN_STORE_MINUTES: "5h",
      PORTOLAN_STORE_LINKS: "1.5d",
      PORTOLAN_STORE_SIZE: "2 GiB",
      PORTOLAN_STORE_MEMORY: "64MiB",
    },
  });
  assert.deepEqual(listen, { host: "::", port: 80 });
  assert.deepEqual(flows, [
    { host: "0.0.0.0", port: 1 },
    { host: "::1", port: 2 },
  ]);
  assert.deepEqual([data, auth, agent.enabled, agent.loopback], ["2026", "none", false, true]);
  assert.deepEqual(store, { flows: 36, minutes: 5, links: 36, size: 2 * 2 ** 30, memory: 64 * 2 ** 20 });
});

const listenWrong = (text: string) => `"${text}" is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080`;
const durationWrong = (text: string, example: string) =>
  `"${text}" is not a number above 0 with a unit (h, d), such as ${example}`;
const sizeWrong = (text: string, example: string) =>
  `"${text}" is not a number above 0 with a unit (MB, GB, TB, MiB, GiB, TiB), such as ${example}`;
const connectionsWrong = "a whole number from 1000 to 4000000 is expected";

/** A value in the file's third line, and what is said of it. */
const wrong: [string, string][] = [
  ["listen: 8080", "listen: HOST:PORT is expected, such as 127.0.0.1:8080"],
  ["listen: localhost", `listen: ${listenWrong("localhost")}`],
  ["listen: ':8080'", `listen: ${listenWrong(":8080")}`],
  ["listen: '::1:8080'", `listen: ${listenWrong("::1:8080")}`],
  ["listen: example.org:80", `listen: ${listenWrong("example.org:80")}`],
  ["listen: 127.0.0.1:65536", `listen: ${listenWrong("127.0.0.1:65536")}`],
  ["listen: 127.0.0.1:-1", `listen: ${listenWrong("127.0.0.1:-1")}`],
  ["flows: udp://:2055", "flows: a list is expected, such as [udp://0.0.0.0:2055]"],
  ["flows: [2055]", "flows.0: udp://ADDRESS:PORT is expected"],
  [
    "flows: ['udp://:2055', 'tcp://:2055']",
    "flows.1: tcp://:2055 is not udp://ADDRESS:PORT, for example udp://0.0.0.0:2055 or udp://[::]:2055",
  ],
  ["flows: ['udp://:0']", "flows.0: udp://:0: port 0 is not between 1 and 65535"],
  [
    "flows: ['udp://lab:1']",
    "flows.0: udp://lab:1: lab is no IPv4 or IPv6 address; use one of this machine, or 0.0.0.0 or [::] for all",
  ],
  [`flows: [${"'udp://:1',".repeat(65)}]`, "flows: at most 64 are expected"],
  ["data: ''", "data: the path of a folder is expected"],
  ["data: 5", "data: the path of a folder is expected"],
  ["auth: some", "auth: none, or a mapping with tokens or ingestTokens is expected"],
  ["agent: off", "agent: a mapping of settings is expected"],
  ["agent: { enabled: 1 }", "agent.enabled: true or false is expected"],
  ["agent: { enabled: 'true' }", "agent.enabled: true or false is expected"],
  ["agent: { loopback: no }", "agent.loopback: true or false is expected"],
  ["agent: { containers: 1 }", "agent.containers: true or false is expected"],
  ["agent: { commandLine: 'no' }", "agent.commandLine: true or false is expected"],
  ["agent: { connections: 999 }", `agent.connections: ${connectionsWrong}`],
  ["agent: { connections: 4000001 }", `agent.connections: ${connectionsWrong}`],
  ["agent: { connections: 1000.5 }", `agent.connections: ${connectionsWrong}`],
  ["agent: { connections: many }", `agent.connections: ${connectionsWrong}`],
  ["kubernetes: { enabled: 'yes' }", "kubernetes.enabled: auto, true or false is expected"],
  ["kubernetes: { kubeconfig: 1 }", "kubernetes.kubeconfig: the path of a file is expected"],
  ["kubernetes: { context: [] }", "kubernetes.context: the name of a context is expected"],
  ["store: []", "store: a mapping of settings is expected"],
  ["agent: { resolvers: [a.example] }", "agent.resolvers.0: an address is expected, such as 10.96.0.10"],
  ["exporters: { allow: 10.0.0.0/8 }", "exporters.allow: a list is expected, such as [192.168.1.0/24]"],
  [
    "exporters: { allow: [10.0.0.1, 10.0.0.0/33] }",
    'exporters.allow.1: "10.0.0.0/33" is no address and no range, such as 192.168.1.1 or 192.168.1.0/24',
  ],
  ["exporters: { workers: 0 }", "exporters.workers: a whole number from 1 to 16 is expected"],
  ["store: { flows: 7 }", `store.flows: ${durationWrong("7", "7d")}`],
  ["store: { flows: 0d }", `store.flows: ${durationWrong("0d", "7d")}`],
  ["store: { flows: 7w }", `store.flows: ${durationWrong("7w", "7d")}`],
  ["store: { flows: true }", "store.flows: a text such as 7d is expected"],
  ["store: { minutes: 0h }", `store.minutes: ${durationWrong("0h", "2d")}`],
  ["store: { minutes: 90 }", `store.minutes: ${durationWrong("90", "2d")}`],
  ["store: { links: -1d }", `store.links: ${durationWrong("-1d", "90d")}`],
  ["store: { links: forever }", `store.links: ${durationWrong("forever", "90d")}`],
  ["store: { size: 10 }", `store.size: ${sizeWrong("10", "10GB")}`],
  ["store: { size: 10gb }", `store.size: ${sizeWrong("10gb", "10GB")}`],
  [`store: { size: ${"9".repeat(400)}TB }`, `store.size: ${sizeWrong(`${"9".repeat(400)}TB`, "10GB")}`],
  ["store: { memory: 256 }", `store.memory: ${sizeWrong("256", "256MB")}`],
];
for (const [yaml, problem] of wrong) {
  test(`what is wrong with ${yaml.slice(0, 50)} is said, with its line`, () => {
    assert.deepEqual(problemsOf({ yaml: `# one\n# two\n${yaml}\n` }), [`FILE:3: ${problem}`]);
  });
}

const token = "0123456789abcdef";

test("tokens of agents: as they are, with a name, or in a file; with them the server may be reached", () => {
  const path = join(folder, "token");
  writeFileSync(path, `${token}-file\n`);
  const { auth } = read({
    yaml: `listen: 0.0.0.0:8080\nauth:\n  ingestTokens: [${token}, {name: a, token: ${token}a}, {name: b, file: ${path}, nodes: [db, web]}]\n`,
  });
  assert.deepEqual(auth, {
    ingestTokens: [
      { name: "", hash: hashToken(token) },
      { name: "a", hash: hashToken(`${token}a`) },
      { name: "b", hash: hashToken(`${token}-file`), file: path, nodes: ["db", "web"] },
    ],
  });
});

test("tokens of people: with their scopes, as hashes too; nothing that lets in is kept", () => {
  const path = join(folder, "hash");
  writeFileSync(path, `${formatTokenHash(`${token}-file`)}\n`);
  const config = read({
    yaml: `auth:\n  tokens: [${token}, {name: a, scopes: [admin, ingest], hash: "${formatTokenHash(`${token}a`).toUpperCase().replace("SHA", "sha")}"}, {name: b, file: ${path}}]\n`,
  });
  assert.deepEqual(config.auth, {
    tokens: [
      { name: "", hash: hashToken(token), scopes: ["read"] },
      { name: "a", hash: hashToken(`${token}a`), scopes: ["admin", "ingest"] },
      { name: "b", hash: hashToken(`${token}-file`), file: path, scopes: ["read"] },
    ],
  });
  assert.doesNotMatch(JSON.stringify(config), new RegExp(token));
  const environment = { PORTOLAN_AUTH: `{tokens: [{name: env, token: ${token}}]}` };
  assert.deepEqual(read({ environment }).auth, {
    tokens: [{ name: "env", hash: hashToken(token), scopes: ["read"] }],
  });
});

for (const [yaml, problem] of [
  ["{ tokens: [] }", /^FILE:1: auth.tokens: a list of 1 to 4096 tokens is expected$/],
  ["{ tokens: [short] }", /auth.tokens.0: a token is expected/],
  ["{ tokens: [{name: a, hash: 'sha256:123456789012345'}] }", /auth.tokens.0: sha256: and 64 hex/],
  [`{ tokens: [{name: a, scopes: [write], token: ${token}}] }`, /auth.tokens.0/],
  [`{ tokens: [{name: a, scopes: [], token: ${token}}] }`, /auth.tokens.0/],
  ["{}", /^FILE:1: auth: none, or a mapping with tokens or ingestTokens is expected$/],
  ["{ token: x }", /auth: no such setting: token; accepted here: tokens, ingestTokens$/],
] as const) {
  test(`no credentials: ${yaml}`, () => {
    const [first = "", ...more] = problemsOf({ yaml: `auth: ${yaml}\n` });
    assert.match(first, problem);
    assert.deepEqual(more, []);
    assert.doesNotMatch(first, /short|12345/, "never what was given");
  });
}

test("a certificate has its key", () => {
  assert.deepEqual(read({ yaml: "tls: { certificate: c.pem, key: k.pem }\n" }).tls, {
    certificate: "c.pem",
    key: "k.pem",
  });
  assert.deepEqual(problemsOf({ yaml: "tls: { certificate: c.pem }\n" }), [
    "FILE:1: tls: certificate and key are expected together, or neither",
  ]);
});

for (const [yaml, problem] of [
  ["[]", /^FILE:2: auth.ingestTokens: a list of 1 to 4096 tokens is expected$/],
  ["[short]", /^FILE:2: auth.ingestTokens.0: a token is expected: 16 or more/],
  ["[{name: a, token: 'a b c d e f g h i j'}]", /auth.ingestTokens.0: a token is expected/],
  ["[{name: a, file: /nonexistent}]", /auth.ingestTokens.0: .nonexistent: cannot be read/],
  [`[{name: a, token: ${token}, nodes: []}]`, /auth.ingestTokens.0/],
  [
    "[{name: a}]",
    /auth.ingestTokens.0: a token, \{name, token\}, \{name, hash\} or \{name, file\} is expected/,
  ],
  ["7", /auth.ingestTokens: a list of 1 to 4096/],
] as const) {
  test(`no tokens: ${yaml}`, () => {
    const problems = problemsOf({ yaml: `auth:\n  ingestTokens: ${yaml}\n` });
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, problem);
    assert.doesNotMatch(problems[0]!, /short|a b c/, "never what was given");
  });
}

test("unknown settings are named, with those that are accepted in their place", () => {
  assert.deepEqual(problemsOf({ yaml: "lisen: 127.0.0.1:1\nagent:\n  enable: true\n" }), [
    "FILE:3: agent.enable: no such setting; accepted here: enabled, loopback, containers, commandLine, connections, ebpf, softErrors, datagrams, dns, lookups, resolvers, nat, flows, pods",
    "FILE:1: lisen: no such setting; accepted here: listen, flows, exporters, data, auth, tls, limits, log, agent, kubernetes, networks, geo, reverseDns, store, metrics, grafana",
  ]);
});

test("every problem is told at once, each with the place it comes from", () => {
  const problems = problemsOf({
    yaml: "listen: here\nagent:\n  # a comment\n  enabled: maybe\n  connections: 5\nstore:\n  size: big\n",
    environment: { PORTOLAN_AGENT_CONNECTIONS: "7", PORTOLAN_FLOWS: "udp://:1,x" },
    flags: { listen: "there" },
  });
  assert.deepEqual(problems, [
    `--listen: ${listenWrong("there")}`,
    "environment PORTOLAN_FLOWS: flows.1: x is not udp://ADDRESS:PORT, for example udp://0.0.0.0:2055 or udp://[::]:2055",
    "FILE:4: agent.enabled: true or false is expected",
    `environment PORTOLAN_AGENT_CONNECTIONS: agent.connections: ${connectionsWrong}`,
    `FILE:7: store.size: ${sizeWrong("big", "10GB")}`,
  ]);
});

test("a file that is no YAML, no mapping or not there is told as such", () => {
  assert.match(problemsOf({ yaml: "listen: [a\n" })[0]!, /^FILE:2: Flow sequence/);
  assert.match(problemsOf({ yaml: "data: a\ndata: b\n" })[0]!, /^FILE:2: Map keys must be unique/);
  assert.match(problemsOf({ yaml: "data: *folder\n" })[0]!, /^FILE: Unresolved alias/);
  assert.deepEqual(problemsOf({ yaml: "- a\n" }), ["FILE:1: a mapping of settings is expected"]);
  assert.deepEqual(problemsOf({ yaml: "hello\n" }), ["FILE:1: a mapping of settings is expected"]);
  assert.throws(
    () => readConfig({ file: join(folder, "none.yaml"), environment: {}, flags: {} }),
    (error: ConfigError) =>
      error.problems[0] === `${folder}/none.yaml: ENOENT: give --config a file that can be read`,
  );
});

for (const listen of ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1", "[::ffff:127.0.0.1]:1"]) {
  test(`without credentials ${listen} may be listened on`, () => {
    assert.equal(read({ flags: { listen } }).listen.port, 1);
  });
}
for (const listen of ["0.0.0.0:1", "[::]:1", "192.168.1.5:1", "[fe80::1%eth0]:1", "[2001:db8::1]:1"]) {
  test(`without credentials ${listen} is refused, unless it was said outright that nobody needs any`, () => {
    const [problem, ...more] = problemsOf({ flags: { listen } });
    assert.match(
      problem ?? "",
      /^--listen: .* can be reached from other machines and no credentials are configured/,
    );
    assert.deepEqual(more, []);
    assert.equal(read({ flags: { listen }, environment: { PORTOLAN_AUTH: "none" } }).listen.port, 1);
  });
}

test("the place of an exposed address is its own", () => {
  assert.match(problemsOf({ yaml: "data: /x\nlisten: 0.0.0.0:1\n" })[0]!, /^FILE:2: listen: 0\.0\.0\.0 can/);
  assert.match(
    problemsOf({ environment: { PORTOLAN_LISTEN: "0.0.0.0:1" } })[0]!,
    /^environment PORTOLAN_LISTEN: /,
  );
});

test("loopback hosts are localhost and loopback addresses, and no name that looks like one", () => {
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "::1"]) assert.ok(isLoopbackHost(host), host);
  for (const host of ["", "localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1", "::", "0.0.0.0"])
    assert.ok(!isLoopbackHost(host), host);
});

test("a section of comments only is as good as none", () => {
  const config = read({ yaml: "agent:\n  # loopback: false\nlisten: 127.0.0.1:1\n" });
  assert.deepEqual([config.agent.loopback, config.listen.port], [true, 1]);
});

test("a variable that looks like a setting and is none is told", () => {
  const [problem = "", ...more] = problemsOf({ environment: { PORTOLAN_LISTNE: "x", PORTOLAN_LOG: "warn" } });
  assert.match(problem, /PORTOLAN_LISTNE: no such setting; accepted: PORTOLAN_LISTEN, /);
  assert.deepEqual(more, []);
});

test("what Kubernetes says of Services called portolan is none of our business", () => {
  const environment = Object.fromEntries(
    [
      ...[
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "PORT",
        "PORT_8080_TCP",
        "PORT_8080_TCP_PROTO",
      ],
      ...["PORT_2055_UDP_ADDR", "AGENT_SERVICE_HOST", "AGENT_PORT_7117_TCP_PORT", "AGENT_PORT"],
    ].map((name) => [`PORTOLAN_${name}`, "tcp://10.96.0.7:8080"]),
  );
  assert.deepEqual(read({ environment }), read());
  assert.equal(problemsOf({ environment: { PORTOLAN_AGENT_PORTS: "1" } }).length, 1);
});

test("own networks, from the file and from the environment", () => {
  const yaml =
    "networks:\n  - {name: office, cidr: 10.1.0.0/16, vlan: 10, site: Bern}\n  - name: six\n    cidr: 2001:db8::/32\n";
  const [office, six] = read({ yaml }).networks;
  assert.deepEqual(
    [office?.name, office?.vlan, office?.site, office?.cidr.prefixLength],
    ["office", 10, "Bern", 112],
  );
  assert.deepEqual([six?.name, six?.vlan, six?.cidr.prefixLength], ["six", undefined, 32]);
  const environment = { PORTOLAN_NETWORKS: "[{name: lab, cidr: 10.2.0.0/16}]" };
  assert.deepEqual(
    read({ yaml, environment }).networks.map(({ name }) => name),
    ["lab"],
  );
});

test("every mistake in a network is told with its place", () => {
  const yaml = `networks:
  - {name: office, cidr: 10.1.0.0/16, vlan: 5000}
  - name: lab
    cidr: 10.1.2.3/24
  - cidr: 10.3.0.0/16
    vlann: 5
  - {name: internet, cidr: 10.4.0.0/16}
  - nonsense
  - {name: "", cidr: 10.5.0.0/16, site: "\\e[31m"}
`;
  assert.deepEqual(problemsOf({ yaml }), [
    "FILE:2: networks.0.vlan: a whole number from 1 to 4094 is expected",
    'FILE:4: networks.1.cidr: "10.1.2.3/24" has bits behind its prefix; 10.1.2.0/24 is the whole range',
    "FILE:5: networks.2.name: a name is expected",
    "FILE:6: networks.2.vlann: no such setting; accepted here: name, cidr, vlan, site",
    'FILE:7: networks.3.name: "internet" is what Portolan calls addresses of no network of yours; choose another',
    "FILE:8: networks.4: {name, cidr, vlan?, site?} is expected",
    "FILE:9: networks.5.name: a name is expected",
    "FILE:9: networks.5.site: characters that are not shown are not expected",
  ]);
});

test("a range that is there twice is told, with both names' places; ranges within others are not", () => {
  const yaml = `networks:
  - {name: office, cidr: 10.1.0.0/16}
  - {name: floor, cidr: 10.1.1.0/24}
  - name: again
    cidr: 10.1.0.0/16
`;
  assert.deepEqual(problemsOf({ yaml }), [
    'FILE:5: networks.2.cidr: 10.1.0.0/16 is networks.0.cidr already ("office"); a range has one name',
  ]);
});

test("networks in the environment that are no list are told", () => {
  for (const text of ["[{", "office", "{name: a}"]) {
    const [problem = "", ...more] = problemsOf({ environment: { PORTOLAN_NETWORKS: text } });
    assert.match(
      problem,
      /^environment PORTOLAN_NETWORKS: networks: a list is expected, such as \[\{name/,
      text,
    );
    assert.deepEqual(more, []);
  }
});

test("databases of places are files, several files, what is bundled, or off", () => {
  const yaml = "geo:\n  country: /a.mmdb\n  city: [/b.mmdb, /c.mmdb]\n  asn: off\n";
  assert.deepEqual(read({ yaml }).geo, { country: ["/a.mmdb"], city: ["/b.mmdb", "/c.mmdb"], asn: "off" });
  const environment = {
    PORTOLAN_GEO_CITY: "/d.mmdb, /e.mmdb",
    PORTOLAN_GEO_ASN: "bundled",
    PORTOLAN_GEO_COUNTRY: "off",
  };
  assert.deepEqual(read({ environment }).geo, {
    country: "off",
    city: ["/d.mmdb", "/e.mmdb"],
    asn: "bundled",
  });
  assert.deepEqual(problemsOf({ yaml: "geo:\n  city: bundled\n  country: []\n  asn: 7\n" }), [
    "FILE:3: geo.country: the path of a file, a list of them, bundled or off is expected",
    "FILE:2: geo.city: nothing of this kind comes with the program, for its size; give a file, or off",
    "FILE:4: geo.asn: the path of a file, a list of them, bundled or off is expected",
  ]);
});

test("where Grafana is, is a URL of the web", () => {
  assert.equal(read({ yaml: "grafana: {url: 'https://g.example/x'}\n" }).grafana.url, "https://g.example/x");
  assert.deepEqual(problemsOf({ yaml: "grafana: {url: 'javascript:alert(1)'}\n" }), [
    "FILE:1: grafana.url: an http or https URL is expected, such as https://grafana.example/",
  ]);
});

test("whose addresses the DNS is asked for is one of three", () => {
  assert.equal(read({ yaml: "reverseDns: all\n" }).reverseDns, "all");
  assert.deepEqual(problemsOf({ yaml: "reverseDns: yes\n" }), [
    "FILE:1: reverseDns: one of off, inside, all is expected",
  ]);
});
