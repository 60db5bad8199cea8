import type { Filter, FilterEnd, FilterTest } from "./filter.ts";
import { filterFieldByName, filterFields, filterLimits, filterValueKinds } from "./filter-fields.ts";
import { type FieldHead, FilterLexer, type FilterToken, type Span } from "./filter-lexer.ts";
import { isOrdered, parseRange, readCompare, readTests } from "./filter-value.ts";
import { nearestName } from "./nearest-name.ts";
import { literalOf, wildcardCount } from "./pattern.ts";

export interface FilterError {
  /** Where the mistake is: UTF-16 units from the start of the text. */
  readonly position: number;
  readonly length: number;
  /** The text found there; "" at the end. */
  readonly found: string;
  /** What would have been accepted, in words. */
  readonly expected: string;
  readonly message: string;
}

export type ParsedFilter =
  /** An undefined filter matches everything: the text was blank. */
  | { readonly filter: Filter | undefined; readonly error?: undefined }
  | { readonly error: FilterError; readonly filter?: undefined };

/** What a filter is going to be applied to. Links do not know the client's port; flow records do. `askers`: peers, as clients of a resolver. */
export type FilterTarget = "links" | "flows" | "askers";

/**
 * Reads and checks a filter. Never throws, and takes time linear in the text, which `filterLimits` bounds.
 *
 *     or   = and { OR and }
 *     and  = not { [AND] not }
 *     not  = ( NOT | "-" ) not | "(" [ or ] ")" | term
 *     term = [ end "." ] field ":" value { "," value } | [ end "." ] field operator value | value { "," value }
 *
 * Nothing within parentheses matches everything, as a blank text does: whoever adds a term to what others write puts that in them.
 */
export function parseFilter(text: string, target: FilterTarget = "flows"): ParsedFilter {
  return new FilterParser(text, target).parse();
}

interface ResolvedField {
  readonly end: FilterEnd;
  readonly info: (typeof filterFields)[number];
  readonly key?: string;
}

const ends = ["client", "server", "source", "destination"] as const satisfies readonly FilterEnd[];
const termWords = "a term such as name:nginx, or (";

function isOfAsker({ name, of }: ResolvedField["info"], pinned: FilterEnd | undefined): boolean {
  const isOfPeer = of === "end" && name !== "port" && name !== "interface";
  return isOfPeer && (pinned === undefined || pinned === "client");
}

const askerFields = `${filterFields
  .filter((info) => isOfAsker(info, undefined))
  .map(({ name }) => name)
  .join(", ")}, with client. before it or nothing`;

class FilterParser {
  readonly #lexer: FilterLexer;
  readonly #target: FilterTarget;
  #token: FilterToken = { kind: "end", position: 0, length: 0 };
  #error: FilterError | undefined;
  #termCount = 0;
  #wildcardCount = 0;

  constructor(text: string, target: FilterTarget) {
    this.#lexer = new FilterLexer(text);
    this.#target = target;
  }

  parse(): ParsedFilter {
    const { text } = this.#lexer;
    const { textLength } = filterLimits;
    if (text.length > textLength) {
      const expected = `at most ${textLength} characters`;
      this.#fail(
        { position: textLength, length: text.length - textLength },
        "the filter is too long",
        expected,
      );
      return { error: this.#error! };
    }
    if (text.trim() === "") return { filter: undefined };
    const filter = this.#parseOr(0);
    if (filter !== undefined) {
      this.#lexer.skipBlanks();
      if (this.#lexer.offset === text.length) return { filter };
      this.#fail({ position: this.#lexer.offset, length: 1 }, "unexpected", "a term, AND, OR or the end");
    }
    return { error: this.#error! };
  }

  #parseOr(depth: number): Filter | undefined {
    return this.#parseList("or", () => this.#parseAnd(depth));
  }

  #parseAnd(depth: number): Filter | undefined {
    return this.#parseList("and", () => this.#parseNot(depth));
  }

  #parseList(kind: "and" | "or", parsePart: () => Filter | undefined): Filter | undefined {
    const parts: Filter[] = [];
    do {
      const part = parsePart();
      if (part === undefined) return undefined;
      parts.push(part);
    } while (this.#goesOn(kind));
    return parts.length === 1 ? parts[0]! : { kind, parts };
  }

  /** Whether another part follows; takes the AND or OR before it. A blank is AND. */
  #goesOn(kind: "and" | "or"): boolean {
    const before = this.#lexer.offset;
    const next = this.#lexer.readToken();
    if (next.kind === kind) return true;
    this.#lexer.offset = before;
    return (
      kind === "and" && next.kind !== "or" && next.kind !== ")" && next.kind !== "," && next.kind !== "end"
    );
  }

  #parseNot(depth: number): Filter | undefined {
    this.#lexer.skipBlanks();
    if (depth > filterLimits.nesting) {
      const expected = `at most ${filterLimits.nesting} levels of NOT and parentheses`;
      return this.#fail(
        { position: this.#lexer.offset, length: 1 },
        "the filter is nested too deeply",
        expected,
      );
    }
    const start = this.#lexer.offset;
    this.#token = this.#lexer.readToken();
    if (this.#token.kind === "not") {
      const part = this.#parseNot(depth + 1);
      return part && { kind: "not", part };
    }
    if (this.#token.kind === "(") return this.#parseGroup(depth + 1);
    this.#lexer.offset = start;
    return this.#parseTerm();
  }

  #parseGroup(depth: number): Filter | undefined {
    const open = this.#token;
    const start = this.#lexer.offset;
    if (this.#lexer.readToken().kind === ")") return { kind: "and", parts: [] };
    this.#lexer.offset = start;
    const inner = this.#parseOr(depth);
    if (inner === undefined) return undefined;
    const close = this.#lexer.readToken();
    if (close.kind === ")") return inner;
    if (close.kind !== "end") return this.#fail(close, "unexpected", "a term, AND, OR or )");
    return this.#fail(open, "this parenthesis is not closed", ") at the end");
  }

  #parseTerm(): Filter | undefined {
    if (++this.#termCount > filterLimits.terms) {
      const expected = `at most ${filterLimits.terms} terms`;
      return this.#fail(
        { position: this.#lexer.offset, length: 1 },
        "the filter has too many terms",
        expected,
      );
    }
    // An IPv6 address has colons of its own and must not be read as a field with a value.
    if (parseRange(this.#lexer.peekBare()) !== undefined) return this.#parseBareTerm();
    const head = this.#lexer.readFieldHead();
    return head === undefined ? this.#parseBareTerm() : this.#parseFieldTerm(head);
  }

  /** `nginx` stands for `name:*nginx*`, with a wildcard of its own it is taken as it is; `10.1.2.3` for `address:`. */
  #parseBareTerm(): Filter | undefined {
    const start = this.#lexer.offset;
    const first = this.#lexer.readToken();
    if (first.kind !== "word" && first.kind !== "open-quote")
      return this.#fail(first, "a term is missing", termWords);
    this.#lexer.offset = start;
    const words = this.#parseValues(termWords);
    if (words === undefined) return undefined;
    const addresses = readTests(
      "address",
      words.map(({ pattern }) => pattern),
    );
    const [test] = "wrong" in addresses || words.some(({ isQuoted }) => isQuoted) ? [] : addresses;
    if (test !== undefined) return { kind: "term", end: "either", field: "address", test };
    const patterns = words.map(({ pattern }) =>
      literalOf(pattern) === undefined ? pattern : `*${pattern}*`,
    );
    this.#wildcardCount += 2 * words.filter(({ pattern }) => literalOf(pattern) !== undefined).length;
    if (this.#wildcardCount > filterLimits.wildcards)
      return this.#fail(
        first,
        "the filter has too many wildcards",
        `at most ${filterLimits.wildcards}, a word has two`,
      );
    return { kind: "term", end: "either", field: "name", test: { kind: "text", patterns } };
  }

  #parseFieldTerm(head: FieldHead): Filter | undefined {
    const resolved = this.#resolve(head);
    if (resolved === undefined) return undefined;
    const { end, info, key } = resolved;
    const accepted = filterValueKinds[info.values];
    const words = this.#parseValues(accepted);
    if (words === undefined) return undefined;
    const tests =
      head.operator === ":"
        ? readTests(
            info.values,
            words.map(({ pattern }) => pattern),
          )
        : [];
    if ("wrong" in tests) return this.#fail(words[tests.wrong]!, `${info.name} does not accept`, accepted);
    if (head.operator !== ":") {
      const test =
        words.length === 1 ? readCompare(info.values, head.operator, words[0]!.pattern) : undefined;
      const wrong = words[1] ?? words[0]!;
      if (test === undefined)
        return this.#fail(wrong, `${info.name}${head.operator} does not accept`, `${accepted}, one only`);
      tests.push(test);
    }
    const field = { end, field: info.name, ...(key === undefined ? {} : { key }) };
    const terms = tests.map((test: FilterTest): Filter => ({ kind: "term", ...field, test }));
    return terms.length === 1 ? terms[0] : { kind: "or", parts: terms };
  }

  /** `value,value`, up to a blank or a parenthesis. */
  #parseValues(accepted: string): Extract<FilterToken, { kind: "word" }>[] | undefined {
    const words: Extract<FilterToken, { kind: "word" }>[] = [];
    do {
      const word = this.#lexer.readValue();
      if (word.kind === "open-quote")
        return this.#fail(word, "this quote is not closed", '" at the end of the value');
      if (word.kind !== "word") return this.#fail(this.#spanHere(), "a value is missing", accepted);
      // Each is looked for in both names of every link, each second of a live view.
      this.#wildcardCount += wildcardCount(word.pattern);
      if (this.#wildcardCount > filterLimits.wildcards)
        return this.#fail(word, "the filter has too many wildcards", `at most ${filterLimits.wildcards}`);
      words.push(word);
    } while (this.#takeComma());
    if (this.#lexer.isAtBreak) return words;
    return this.#fail(this.#spanHere(), "unexpected behind the value", "a blank or a comma");
  }

  #takeComma(): boolean {
    if (this.#lexer.text[this.#lexer.offset] !== ",") return false;
    this.#lexer.offset++;
    return true;
  }

  #resolve(head: FieldHead): ResolvedField | undefined {
    const [first = "", ...rest] = head.name.split(".");
    const pinned = ends.find((end) => end === first.toLowerCase() && rest.length > 0);
    const parts = pinned === undefined ? [first, ...rest] : rest;
    const isLabel = parts[0]?.toLowerCase() === "label";
    const name = isLabel ? "label" : parts.join(".").toLowerCase();
    const info = filterFieldByName.get(name);
    if (info === undefined) return this.#failUnknownField(head, name);
    if (pinned !== undefined && info.of !== "end") {
      return this.#fail(
        head,
        `${info.name} is of the whole link, not of its ${pinned}`,
        `${info.name} without "${pinned}."`,
      );
    }
    if (this.#target === "links" && info.name === "port" && (pinned === "client" || pinned === "source")) {
      return this.#fail(head, "only flow records have the client's port", "port or server.port");
    }
    if (this.#target === "askers" && !isOfAsker(info, pinned))
      return this.#fail(head, "who looked a name up is known by fields of a peer only", askerFields);
    if (head.operator !== ":" && !isOrdered(info.values)) {
      const operator = { position: head.position + head.length, length: head.operator.length };
      return this.#fail(
        operator,
        `${info.name} cannot be compared with`,
        `${info.name}: and ${filterValueKinds[info.values]}`,
      );
    }
    if (!isLabel) return { end: pinned ?? "either", info };
    const key = parts.slice(1).join(".");
    if (key === "")
      return this.#fail(head, "a label has a key, which is missing in", "one such as label.app");
    return { end: pinned ?? "either", info, key };
  }

  #failUnknownField(head: FieldHead, name: string): undefined {
    const names = filterFields.map((field) => field.name);
    const near = nearestName(name, names);
    const expected = `${near === undefined ? "" : `${near} (did you mean that?), or `}one of ${names.join(" ")}`;
    if (head.name !== "") return this.#fail(head, "unknown field", expected);
    return this.#fail(
      { position: head.position, length: head.operator.length },
      "a field is missing before",
      expected,
    );
  }

  #spanHere(): Span {
    return { position: this.#lexer.offset, length: this.#lexer.offset < this.#lexer.text.length ? 1 : 0 };
  }

  #fail({ position, length }: Span, what: string, expected: string): undefined {
    const found = this.#lexer.text.slice(position, position + length);
    const where =
      found === "" ? (position >= this.#lexer.text.length ? " at the end" : "") : ` ${quote(found)}`;
    this.#error ??= { position, length, found, expected, message: `${what}${where}: expected ${expected}` };
    return undefined;
  }
}

function quote(found: string): string {
  return `"${found.length > 40 ? `${found.slice(0, 40)}…` : found}"`;
}
