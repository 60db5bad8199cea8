import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern, escapePattern, literalOf } from "./pattern.ts";

/** Every text of these letters with at most so many of them. */
function textsOf(letters: string, lengthMax: number): string[] {
  const texts = [""];
  for (let from = 0, length = 0; length < lengthMax; length++) {
    const to = texts.length;
    for (const text of texts.slice(from, to)) for (const letter of letters) texts.push(text + letter);
    from = to;
  }
  return texts;
}

test("every short pattern matches every short text as a regular expression does", () => {
  const texts = textsOf("ab", 5);
  for (const pattern of textsOf("ab*", 5)) {
    const matches = compilePattern(pattern);
    const expression = new RegExp(`^${pattern.replaceAll("*", ".*")}$`, "s");
    for (const text of texts)
      assert.equal(matches(text), expression.test(text), `"${pattern}" and "${text}"`);
  }
});

/** A text that counts how often it is looked through, and from where. */
class CountedText extends String {
  readonly from: number[] = [];
  override indexOf(searched: string, from = 0): number {
    this.from.push(from);
    return super.indexOf(searched, from);
  }
}

test("a text is gone through once, from its beginning to its end, however nearly it matches", () => {
  const matches = compilePattern(`${"*a".repeat(199)}*b`);
  for (const text of [
    "a".repeat(253),
    `${"a".repeat(253)}b`,
    `${"ab".repeat(126)}b`,
    `${"a".repeat(100)}b`,
  ]) {
    const counted = new CountedText(text);
    matches(counted as unknown as string);
    assert.ok(counted.from.length <= 199, "each run of the pattern is looked for once at most");
    assert.deepEqual(
      counted.from,
      [...new Set(counted.from)].sort((a, b) => a - b),
      "and never further back",
    );
  }
});

test("a text that is escaped matches itself alone", () => {
  for (const text of textsOf("a*\\", 4)) {
    const pattern = escapePattern(text);
    assert.equal(literalOf(pattern), text);
    for (const other of textsOf("a*\\", 4)) assert.equal(compilePattern(pattern)(other), other === text);
  }
});
