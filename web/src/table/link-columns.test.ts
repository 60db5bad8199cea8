import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyLink } from "../../../src/topology/topology.ts";
import { comparedColumns, linkColumns, nextOrder, sortLinks } from "./link-columns.ts";

const link = (id: string, bytesSent: number, rttMs: number | null = null) =>
  ({
    id,
    client: id,
    server: "s",
    bytesSent,
    bytesReceived: 0,
    rttMs,
    ports: [],
    observers: [],
  }) as unknown as TopologyLink;
const context = { peers: new Map(), interval: { from: 0, to: 1000 }, isLive: false };
const ids = (links: TopologyLink[]) => links.map(({ id }) => id).join("");

test("links are sorted by a column, equals by id", () => {
  const links = [link("c", 1), link("a", 5), link("b", 1)];
  assert.equal(ids(sortLinks(links, { key: "bytesSent", isDescending: true }, context)), "abc");
  assert.equal(ids(sortLinks(links, { key: "bytesSent", isDescending: false }, context)), "bca");
  assert.equal(ids(sortLinks(links, { key: "client", isDescending: true }, context)), "cba");
  assert.equal(ids(sortLinks(links, { key: "no such", isDescending: false }, context)), "abc");
});

test("an unknown round trip time is below every known one", () => {
  const links = [link("a", 0, null), link("b", 0, 0.1)];
  assert.equal(ids(sortLinks(links, { key: "rtt", isDescending: true }, context)), "ba");
});

test("clicking again turns the order", () => {
  const [client, , , sent] = linkColumns;
  const first = nextOrder({ key: "rate", isDescending: true }, client!);
  assert.deepEqual(first, { key: "client", isDescending: false });
  assert.deepEqual(nextOrder(first, client!), { key: "client", isDescending: true });
  assert.deepEqual(nextOrder(first, sent!), { key: "bytesSent", isDescending: true });
});

test("compared links are sorted by how far they changed, or by how many times; new is more than any factor", () => {
  const links = [
    { ...link("g", 0), baseRate: 50, seenIn: "base" as const },
    { ...link("n", 10), baseRate: 0, seenIn: "this" as const },
    { ...link("u", 300), baseRate: 100, seenIn: "both" as const },
    { ...link("d", 100), baseRate: 250, seenIn: "both" as const },
  ];
  const sorted = (key: string) =>
    ids(sortLinks(links, { key, isDescending: true }, context, comparedColumns));
  assert.equal(sorted("change"), "ungd");
  assert.equal(sorted("factor"), "nudg");
  const words = (key: string) =>
    links.map((one) => comparedColumns.find((column) => column.key === key)!.text(one, context));
  assert.deepEqual(words("factor"), ["gone", "new", "×3.0", "÷2.5"]);
  assert.deepEqual(words("change"), ["−50 B/s", "+10 B/s", "+200 B/s", "−150 B/s"]);
});

test("what only fails carries no bytes: it is new, gone or the same by the windows that saw it", () => {
  const factor = comparedColumns.find(({ key }) => key === "factor")!;
  const words = (["this", "both", "base"] as const).map((seenIn) =>
    factor.text({ ...link("f", 0), baseRate: 0, seenIn }, context),
  );
  assert.deepEqual(words, ["new", "same", "gone"]);
  assert.equal(factor.text({ ...link("f", 0), baseRate: 50, seenIn: "both" }, context), "–");
});
