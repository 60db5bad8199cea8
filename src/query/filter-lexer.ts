/** Where a piece of the text is, for errors. */
export interface Span {
  readonly position: number;
  readonly length: number;
}

export type FilterToken = Span &
  (
    | { readonly kind: "(" | ")" | "," | "end" }
    | { readonly kind: "and" | "or" | "not" }
    /** A bare or quoted value. `pattern` has `*` for a wildcard, and `\*` and `\\` for the characters. */
    | { readonly kind: "word"; readonly pattern: string; readonly isQuoted: boolean }
    | { readonly kind: "open-quote" }
  );

/** A field's name with the operator behind it. */
export interface FieldHead extends Span {
  readonly name: string;
  readonly operator: ":" | "<" | "<=" | ">" | ">=" | "=";
}

/** Reads a filter's text piece by piece. What is read depends on where the parser stands, so it asks. */
export class FilterLexer {
  readonly text: string;
  offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  skipBlanks(): void {
    while (this.offset < this.text.length && isBlank(this.text[this.offset]!)) this.offset++;
  }

  /** Whether the next piece follows without a blank. */
  get isAtBreak(): boolean {
    return (
      this.offset >= this.text.length ||
      isBlank(this.text[this.offset]!) ||
      "()".includes(this.text[this.offset]!)
    );
  }

  /** `field:`, `field>=` and so on when the text goes on with one; the name may be unknown or empty. */
  readFieldHead(): FieldHead | undefined {
    fieldHead.lastIndex = this.offset;
    const match = fieldHead.exec(this.text);
    if (match === null) return undefined;
    const [whole, name = "", operator] = match;
    const head = {
      name,
      operator: operator as FieldHead["operator"],
      position: this.offset,
      length: name.length,
    };
    this.offset += whole.length;
    return head;
  }

  /** A parenthesis, AND, OR, NOT, `-`, or a word. */
  readToken(): FilterToken {
    this.skipBlanks();
    const position = this.offset;
    const character = this.text[position];
    if (character === undefined) return { kind: "end", position, length: 0 };
    if (character === "(" || character === ")" || character === ",") {
      this.offset++;
      return { kind: character, position, length: 1 };
    }
    if (character === "-") {
      this.offset++;
      return { kind: "not", position, length: 1 };
    }
    keyword.lastIndex = position;
    const word = keyword.exec(this.text)?.[0];
    if (word === undefined) return this.readValue();
    this.offset += word.length;
    return { kind: word.toLowerCase() as "and" | "or" | "not", position, length: word.length };
  }

  /** What stands here as a value: `-` and keywords have no meaning in it. */
  readValue(): FilterToken {
    return this.text[this.offset] === '"' ? this.#readQuoted() : this.#readBare();
  }

  /** The bare text up to the next blank, without moving. */
  peekBare(): string {
    bare.lastIndex = this.offset;
    return bare.exec(this.text)?.[0] ?? "";
  }

  #readBare(): FilterToken {
    const position = this.offset;
    const text = this.peekBare();
    if (text === "") return { kind: "end", position, length: 0 };
    this.offset += text.length;
    return { kind: "word", pattern: normalizePattern(text), isQuoted: false, position, length: text.length };
  }

  #readQuoted(): FilterToken {
    const position = this.offset;
    let end = position + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    if (end >= this.text.length) return { kind: "open-quote", position, length: this.text.length - position };
    this.offset = end + 1;
    const pattern = normalizePattern(this.text.slice(position + 1, end));
    return { kind: "word", pattern, isQuoted: true, position, length: this.offset - position };
  }
}

const fieldHead = /([^\s()":<>=,-][^\s()":<>=,]*|)(:|<=|<|>=|>|=)/y;
const keyword = /(?:and|or|not)(?=[\s()"]|$)/iy;
const bare = /(?:\\.|[^\s()",\\]|\\$)+/sy;

/** Leaves a backslash only before `*` and another backslash, so that equal patterns are equal texts. */
function normalizePattern(text: string): string {
  return text.replace(/\\(.|$)/gs, (_, next: string) => {
    if (next === "") return "\\\\";
    return next === "*" || next === "\\" ? `\\${next}` : next;
  });
}

function isBlank(character: string): boolean {
  return /\s/.test(character);
}
