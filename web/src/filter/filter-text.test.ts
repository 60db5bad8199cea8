import assert from "node:assert/strict";
import { test } from "node:test";
import { chips, examples } from "./filter-chips.ts";
import { addTerm, endsInField, filterMistake, hasTerm, toggleTerm } from "./filter-text.ts";

test("a term is added so that both hold", () => {
  assert.equal(addTerm("", "failed>0"), "failed>0");
  assert.equal(addTerm(" name:nginx ", "failed>0"), "name:nginx failed>0");
  assert.equal(addTerm("name:a OR name:b", "failed>0"), "(name:a OR name:b) failed>0");
  assert.equal(addTerm("failed>0", "failed>0"), "failed>0");
});

test("toggling twice leaves the filter as it was", () => {
  const filter = 'name:"a b" -network:loopback (port:1 OR port:2)';
  assert.equal(toggleTerm(toggleTerm(filter, "failed>0"), "failed>0"), filter);
  assert.equal(toggleTerm(filter, "-network:loopback"), 'name:"a b" (port:1 OR port:2)');
});

test("a term inside quotes is no term", () => {
  assert.equal(hasTerm('name:"x failed>0 y"', "failed>0"), false);
});

test("chips and examples are filters without a mistake", () => {
  for (const filter of [...chips.map(({ term }) => term), ...examples.map(({ filter }) => filter)]) {
    assert.equal(filterMistake(filter), undefined, filter);
  }
});

test("a mistake has its place", () => {
  const mistake = filterMistake("name:nginx colour:red");
  assert.equal(mistake?.position, 11);
  assert.ok((mistake?.message.length ?? 0) > 5);
});

test("a field that is being typed is told from words that are looked for", () => {
  for (const text of ["na", "name", "port:443 -serv", "(client.names", "NAMESPACE"])
    assert.equal(endsInField(text), true, text);
  for (const text of ["", "nginx", "name:", "name:na", "name ", '"na', "10.0.0.1", "port:443"])
    assert.equal(endsInField(text), false, text);
});
