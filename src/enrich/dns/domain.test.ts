import assert from "node:assert/strict";
import { test } from "node:test";
import { domainOf } from "./domain.ts";

const domains: [string, string][] = [
  ["www.example.com", "example.com"],
  ["a.b.example.co.uk", "example.co.uk"],
  ["example.com", "example.com"],
  ["d111.cloudfront.net", "cloudfront.net"],
  ["someone.github.io", "github.io"],
  ["nas.lan", "nas.lan"],
  ["foo.default.svc.cluster.local", "cluster.local"],
  ["xn--bcher-kva.example", "xn--bcher-kva.example"],
  ["com", ""],
  ["co.uk", ""],
  ["printer", ""],
  ["192.0.2.1", ""],
  ["2001:db8::1", ""],
  ["", ""],
  ["..", ""],
];
for (const [name, domain] of domains) {
  test(`the domain of "${name}" is "${domain}"`, () => assert.equal(domainOf(name), domain));
}
