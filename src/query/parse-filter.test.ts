import assert from "node:assert/strict";
import test from "node:test";
import { formatCidr } from "../flow/index.ts";
import { type Filter, filterFields, filterLimits, formatFilterTerm, parseFilter } from "./index.ts";

/** A filter in a form that can be read in a table: `either.name~*nginx*`. */
function show(filter: Filter | undefined): string {
  if (filter === undefined) return "everything";
  if (filter.kind === "not") return `not(${show(filter.part)})`;
  if (filter.kind !== "term") return `${filter.kind}(${filter.parts.map(show).join(" ")})`;
  const { end, field, test } = filter;
  const { key } = filter;
  const name = key === undefined ? field : `${field}[${key}]`;
  const prefix = end === "either" ? name : `${end}.${name}`;
  if (test.kind === "text") return `${prefix}~${test.patterns.join("|")}`;
  if (test.kind === "address") return `${prefix}@${test.ranges.map(formatCidr).join("|")}`;
  if (test.kind === "number") return `${prefix}#${test.values.join("|")}`;
  return `${prefix}${test.operator}${test.value}`;
}

const accepted: readonly (readonly [string, string])[] = [
  ["", "everything"],
  [" \t\n", "everything"],
  ["nginx", "name~*nginx*"],
  ["ngi*x", "name~ngi*x"],
  ["a,b", "name~*a*|*b*"],
  ['"my app"', "name~*my app*"],
  ["name:nginx", "name~nginx"],
  ["NAME:Nginx", "name~Nginx"],
  ["name:nginx,postgres*", "name~nginx|postgres*"],
  ['name:"a b","c\\"d"', 'name~a b|c"d'],
  ['name:""', "name~"],
  ["name:a\\*b", "name~a\\*b"],
  ["name:a\\ b", "name~a b"],
  ["name:a:b", "name~a:b"],
  ["name:-x", "name~-x"],
  ["name:or", "name~or"],
  ["client.name:nginx", "client.name~nginx"],
  ["Server.Node:web-1", "server.node~web-1"],
  ["source.name:a", "source.name~a"],
  ["a b", "and(name~*a* name~*b*)"],
  ["a AND b", "and(name~*a* name~*b*)"],
  ["a b OR c d", "or(and(name~*a* name~*b*) and(name~*c* name~*d*))"],
  ["a or b", "or(name~*a* name~*b*)"],
  ["a (b OR c)", "and(name~*a* or(name~*b* name~*c*))"],
  ["a(b)", "and(name~*a* name~*b*)"],
  ["((a))", "name~*a*"],
  ["()", "and()"],
  ["a ( )", "and(name~*a* and())"],
  ["-()", "not(and())"],
  ["-a", "not(name~*a*)"],
  ["NOT a b", "and(not(name~*a*) name~*b*)"],
  ["-(a b)", "not(and(name~*a* name~*b*))"],
  ["not not a", "not(not(name~*a*))"],
  ["--name:a", "not(not(name~a))"],
  ["notary", "name~*notary*"],
  ["10.1.2.3", "address@10.1.2.3/32"],
  ["10.0.0.0/8,192.168.0.1", "address@10.0.0.0/8|192.168.0.1/32"],
  ["2001:db8::1", "address@2001:db8::1/128"],
  ["-::1", "not(address@::1/128)"],
  ["address:2001:db8::/32", "address@2001:db8::/32"],
  ["address:10.1.*", "address@10.1.0.0/16"],
  ["address:10.1.2.3/8", "address@10.0.0.0/8"],
  ["client.address:::1", "client.address@::1/128"],
  ["network:internet", "network~internet"],
  ["network:10.0.0.0/8", "network@10.0.0.0/8"],
  ["network:internet,10.0.0.0/8", "or(network@10.0.0.0/8 network~internet)"],
  ["-network:internet,::/0", "not(or(network@::/0 network~internet))"],
  ["port:80,443", "port#80|443"],
  ["port:0,65535", "port#0|65535"],
  ["vlan:4095", "vlan#4095"],
  ["asn:AS4294967295", "asn#4294967295"],
  ["port>=1024", "port>=1024"],
  ["protocol:TCP,17,6", "protocol#6|17|6"],
  ["exporter:192.0.2.1", "exporter~192.0.2.1"],
  ["observer:web-*", "observer~web-*"],
  ["bytes>10MB", "bytes>10000000"],
  ["bytes>=1.5kB", "bytes>=1500"],
  ["bytes<2MiB", "bytes<2097152"],
  ["bytes<=1GiB", "bytes<=1073741824"],
  ["bytes:10", "bytes#10"],
  ["bytes:10MB", "bytes#10000000"],
  ["bytes=10B", "bytes=10"],
  ["packets>200k", "packets>200000"],
  ["connections>1M", "connections>1000000"],
  ["failed>0", "failed>0"],
  ["rtt>20ms", "rtt>20"],
  ["rtt<500us", "rtt<0.5"],
  ["rtt>=1.5s", "rtt>=1500"],
  ["rtt>20", "rtt>20"],
  ["namespace:shop", "namespace~shop"],
  ["label.app.kubernetes.io/name:cart", "label[app.kubernetes.io/name]~cart"],
  ["Client.LABEL.App:a,b", "client.label[App]~a|b"],
  ["country:DE", "country~DE"],
  ["asn:AS15169,64500", "asn#15169|64500"],
  ["asn:as1,google*", "or(asn#1 asn~google*)"],
  ["server.vlan:20", "server.vlan#20"],
  ["source.interface:3", "source.interface#3"],
  ["timedout>0", "timedOut>0"],
];

for (const [text, expected] of accepted) {
  test(`accepts ${JSON.stringify(text)}`, () => {
    const { filter, error } = parseFilter(text);
    assert.equal(error?.message, undefined);
    assert.equal(show(filter), expected);
  });
}

/** Text, position, length, and what the message has to say. */
const refused: readonly (readonly [string, number, number, RegExp])[] = [
  ["prt:80", 0, 3, /unknown field "prt": expected port \(did you mean that\?\), or one of name id .* rtt/],
  ["a nowhere:x", 2, 7, /unknown field "nowhere": expected .*one of/],
  ["label:x", 0, 5, /a label has a key, which is missing in "label": expected one such as label.app/],
  ["client.label.:x", 0, 13, /a label has a key/],
  ["label.app>1", 9, 1, /label cannot be compared/],
  ["vlan:4096", 5, 4, /vlan does not accept "4096": expected a VLAN id/],
  ["interface:eth0", 10, 4, /interface does not accept/],
  ["client.refused>1", 0, 14, /refused is of the whole link/],
  ["zzzzzzzz:1", 0, 8, /expected one of name/],
  ["client.bytes>1", 0, 12, /bytes is of the whole link, not of its client/],
  [":80", 0, 1, /a field is missing before ":"/],
  ["name:", 5, 0, /a value is missing at the end: expected a text/],
  ["name: a", 5, 1, /a value is missing/],
  ["name:a,", 7, 0, /a value is missing at the end/],
  ["name:a,,b", 7, 1, /a value is missing ","/],
  ['name:"a', 5, 2, /this quote is not closed/],
  ['a "b', 2, 2, /this quote is not closed/],
  ['name:a"b"', 6, 1, /unexpected behind the value "\\?"": expected a blank or a comma/],
  ["name>a", 4, 1, /name cannot be compared with ">"/],
  ["protocol>6", 8, 1, /protocol cannot be compared/],
  ["port:http", 5, 4, /port does not accept "http": expected a port from 0 to 65535/],
  ["port:80,65536", 8, 5, /port does not accept "65536"/],
  ["port:8*", 5, 2, /port does not accept "8\*"/],
  ["protocol:256", 9, 3, /protocol does not accept/],
  ["address:10.0.0.0/33", 8, 11, /address does not accept "10.0.0.0\/33": expected an address or a range/],
  [
    "bytes>10Mb/s",
    6,
    6,
    /bytes> does not accept "10Mb\/s": expected a number with or without a unit of B kB/,
  ],
  ["bytes>1,2", 8, 1, /one only/],
  ["bytes:-5", 6, 2, /bytes does not accept "-5"/],
  ["rtt>5min", 4, 4, /us, ms or s/],
  ["a OR", 4, 0, /a term is missing at the end: expected a term/],
  ["AND a", 0, 3, /a term is missing "AND"/],
  ["a AND OR b", 6, 2, /a term is missing "OR"/],
  ["NOT", 3, 0, /a term is missing at the end/],
  ["(a", 0, 1, /this parenthesis is not closed "\("/],
  ["(a OR (b)", 0, 1, /not closed/],
  ["a)", 1, 1, /unexpected "\)"/],
  ["a , b", 2, 1, /unexpected ","/],
];

for (const [text, position, length, message] of refused) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    const { error } = parseFilter(text);
    assert.ok(error !== undefined, "the filter was accepted");
    assert.deepEqual([error.position, error.length], [position, length], error.message);
    assert.match(error.message, message);
    assert.equal(error.found, text.slice(position, position + length));
  });
}

test("a client's port is refused where only links are asked for", () => {
  assert.equal(parseFilter("client.port:80").error, undefined);
  assert.match(
    parseFilter("client.port:80", "links").error?.message ?? "",
    /only flow records have the client's port/,
  );
  assert.equal(parseFilter("server.port:80 port:80", "links").error, undefined);
});

test("of who looked names up only fields of a peer are asked for, not of links, nor of another end", () => {
  for (const text of [
    "namespace:shop",
    "client.name:a -label.app:b",
    "nginx OR address:10.0.0.0/8",
    "vlan:7",
  ])
    assert.equal(parseFilter(text, "askers").error, undefined, text);
  for (const [text, position, length] of [
    ["port:53", 0, 4],
    ["name:a bytes>1", 7, 5],
    ["server.name:a", 0, 11],
    ["destination.network:x", 0, 19],
    ["interface:3", 0, 9],
    ["-observer:a", 1, 8],
    ["protocol:udp", 0, 8],
  ] as const) {
    const { error } = parseFilter(text, "askers");
    assert.deepEqual([error?.position, error?.length], [position, length], text);
    assert.match(error!.message, /looked a name up is known by fields of a peer only/);
    assert.match(error!.expected, /^name, id, kind, .*unresolved, with client\. before it or nothing$/);
  }
});

test("bounds are errors, not overflows", () => {
  const long = "a".repeat(filterLimits.textLength);
  assert.equal(parseFilter(long).error, undefined);
  assert.match(parseFilter(`${long}a`).error?.message ?? "", /too long/);
  assert.match(parseFilter("1.1.1.1 ".repeat(filterLimits.terms)).error?.message ?? "none", /none/);
  assert.match(
    parseFilter("1.1.1.1 ".repeat(filterLimits.terms + 1)).error?.message ?? "",
    /at most 200 terms/,
  );
  const wildcards = (text: string, count: number) => parseFilter(Array(count).fill(text).join(",")).error;
  assert.equal(wildcards("*a*", filterLimits.wildcards / 2), undefined);
  assert.match(wildcards("*a*", filterLimits.wildcards / 2 + 1)?.message ?? "", /at most 200/);
  assert.equal(wildcards("a", filterLimits.wildcards / 2), undefined);
  assert.match(wildcards("a", filterLimits.wildcards / 2 + 1)?.message ?? "", /at most 200, a word has two/);
  assert.equal(parseFilter(`name:${"a\\*,".repeat(400)}a`).error, undefined, "an escaped one is none");
  assert.equal(parseFilter(`${"(".repeat(50)}a${")".repeat(50)}`).error, undefined);
  assert.match(parseFilter(`${"(".repeat(51)}a${")".repeat(51)}`).error?.message ?? "", /nested too deeply/);
  assert.match(parseFilter(`${"-".repeat(4000)}a`).error?.message ?? "", /nested too deeply/);
  assert.match(parseFilter("(".repeat(4000)).error?.message ?? "", /nested too deeply/);
});

test("every example of the field table is accepted", () => {
  for (const { example } of filterFields) assert.equal(parseFilter(example).error, undefined, example);
});

test("a formatted term parses back to its value", () => {
  const values = [
    "nginx",
    "a b",
    'say "x"',
    "a,b",
    "(x)",
    "*",
    "a*b",
    "\\",
    'a\\"b',
    "\\*",
    "",
    "or",
    "-x",
    "a:b",
    "é\n☃",
    ">=5",
  ];
  for (const value of values) {
    const text = formatFilterTerm("client.name", value);
    const { filter, error } = parseFilter(`a ${text} b`);
    assert.equal(error, undefined, text);
    assert.ok(filter?.kind === "and" && filter.parts.length === 3, text);
    const pattern = value.replace(/[\\*]/g, "\\$&");
    const test = { kind: "text", patterns: [pattern] };
    assert.deepEqual(filter.parts[1], { kind: "term", end: "client", field: "name", test }, text);
  }
  assert.equal(formatFilterTerm("address", "2001:db8::1"), "address:2001:db8::1");
  assert.equal(formatFilterTerm("port", 80), "port:80");
});
