import { filterFields, formatFilterTerm } from "../../../src/query/index.ts";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";

/** What could stand where the caret is. */
export interface Completion {
  readonly label: string;
  readonly hint: string;
  /** The whole text with it, and where the caret is then. */
  readonly text: string;
  readonly caret: number;
}

interface Flat {
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly links: ReadonlyMap<string, TopologyLink>;
}

const shownMax = 8;
/** With those that the server added. */
const withAskedMax = 12;
const ends = ["client", "server"] as const;

const headPattern = /^((?:client|server)\.)?(label\.[^:<>=\s]+|[a-zA-Z]+)(:|>=?|<=?|=)/;
const labelPattern = /^((?:client|server)\.)?label\.([^:<>=\s]*)$/;

/**
 * Fields while a field is typed, values behind a field: those of the map first, then what the server answered to `completionQuestion`.
 * Never throws, whatever is typed.
 */
export function completions(
  text: string,
  caret: number,
  flat: Flat,
  asked: readonly string[] = [],
): Completion[] {
  const token = tokenAt(text, caret);
  if (token === undefined) return [];
  const head = headPattern.exec(token.text);
  if (head === null) return [...fieldsFor(text, caret, token), ...labelsFor(text, caret, token, asked)];
  const ofMap = valuesFor(text, caret, token, head, flat);
  const known = new Set(ofMap.map(({ label }) => label));
  const { typed, start } = valueAt(token, head, caret);
  const more = asked
    .filter((value) => value !== "" && value !== typed && !known.has(value))
    .map((value) => ({
      ...replaced(text, caret, start, written(value)),
      label: value,
      hint: "was seen before",
    }));
  return [...ofMap, ...more].slice(0, withAskedMax);
}

export interface CompletionQuestion {
  /** As `/api/v1/values` calls it; `label` asks for the keys of labels. */
  readonly field: string;
  readonly prefix: string;
}

const prefixLengthMax = 500;
const measures: ReadonlySet<string> = new Set(
  filterFields.filter(({ of }) => of === "measure").map(({ name }) => name.toLowerCase()),
);

/** What the server is to be asked for at the caret; undefined where it knows no values. */
export function completionQuestion(text: string, caret: number): CompletionQuestion | undefined {
  const token = tokenAt(text, caret);
  if (token === undefined) return undefined;
  const label = labelPattern.exec(token.text);
  if (label !== null) return { field: "label", prefix: label[2]!.slice(0, prefixLengthMax) };
  const head = headPattern.exec(token.text);
  const [, , name = ""] = head ?? [];
  const isField =
    name.startsWith("label.") || filterFields.some((field) => field.name === name.toLowerCase());
  if (head === null || !isField || measures.has(name.toLowerCase())) return undefined;
  return { field: name, prefix: valueAt(token, head, caret).typed.slice(0, prefixLengthMax) };
}

/** What is typed of a value, the last of several, and where it starts. */
function valueAt({ text }: Token, [whole]: RegExpExecArray, caret: number) {
  const listed = text.slice(whole.length);
  const typed = listed.slice(listed.lastIndexOf(",") + 1);
  return { typed, start: caret - typed.length };
}

function labelsFor(
  text: string,
  caret: number,
  { start, text: token }: Token,
  keys: readonly string[],
): Completion[] {
  const [, end = ""] = labelPattern.exec(token) ?? [];
  if (!labelPattern.test(token)) return [];
  return keys.slice(0, shownMax).map((key) => {
    const written = `${end}label.${key}:`;
    return { ...replaced(text, caret, start, written), label: written, hint: "A label of pods" };
  });
}

interface Token {
  readonly start: number;
  readonly text: string;
}

/** From the last blank, parenthesis or minus before the caret; undefined inside of quotes. */
function tokenAt(text: string, caret: number): Token | undefined {
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i < caret; i++) {
    const letter = text[i]!;
    if (letter === '"' && text[i - 1] !== "\\") isQuoted = !isQuoted;
    else if (!isQuoted && (letter === " " || letter === "(" || letter === ")")) start = i + 1;
    else if (letter === "-" && i === start) start = i + 1;
  }
  return isQuoted ? undefined : { start, text: text.slice(start, caret) };
}

function fieldsFor(text: string, caret: number, { start, text: typed }: Token): Completion[] {
  if (typed === "") return [];
  const [, end = "", name = ""] = /^((?:client|server)\.)?(.*)$/.exec(typed)!;
  const fields = filterFields
    .filter(({ of }) => end === "" || of === "end")
    .filter(({ name: field }) => field.startsWith(name.toLowerCase()))
    .map(({ name: field, description, of }) => {
      const written = `${end}${field}${of === "measure" ? ">" : ":"}`;
      return { ...replaced(text, caret, start, written), label: written, hint: description };
    });
  const pinned = ends
    .filter((one) => end === "" && typed.length > 1 && one.startsWith(typed))
    .map((one) => {
      const hint = one === "client" ? "The end that asked" : "The end that answered";
      return { ...replaced(text, caret, start, `${one}.`), label: `${one}.`, hint };
    });
  return [...pinned, ...fields].slice(0, shownMax);
}

function valuesFor(
  text: string,
  caret: number,
  token: Token,
  head: RegExpExecArray,
  flat: Flat,
): Completion[] {
  const [, , name = ""] = head;
  const { typed, start } = valueAt(token, head, caret);
  const wanted = typed.toLowerCase();
  const values = [...valuesOf(name, flat)].filter(
    ([value]) => value.toLowerCase().includes(wanted) && value !== typed,
  );
  const startsFirst = ([value]: readonly [string, number]) => Number(value.toLowerCase().startsWith(wanted));
  values.sort((a, b) => startsFirst(b) - startsFirst(a) || b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return values.slice(0, shownMax).map(([value, count]) => ({
    ...replaced(text, caret, start, written(value)),
    label: value,
    hint: `${count} ${count === 1 ? "time" : "times"} on the map`,
  }));
}

/** As the language takes it: quoted where it has to be. */
function written(value: string): string {
  return formatFilterTerm("name", value).slice("name:".length);
}

function replaced(text: string, caret: number, start: number, by: string): { text: string; caret: number } {
  return { text: text.slice(0, start) + by + text.slice(caret), caret: start + by.length };
}

/** Values a field has on the map now, with how often. */
function valuesOf(name: string, { peers, links }: Flat): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (value: string | number | undefined) => {
    if (value === undefined || value === "" || value === 0) return;
    const text = String(value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  };
  const ofPeer = peerValues[name];
  if (ofPeer !== undefined) for (const peer of peers.values()) for (const value of ofPeer(peer)) add(value);
  const ofLink = linkValues[name];
  if (ofLink !== undefined) for (const link of links.values()) for (const value of ofLink(link)) add(value);
  return counts;
}

type Values<T> = (of: T) => readonly (string | number | undefined)[];

const peerValues: Readonly<Record<string, Values<TopologyPeer>>> = {
  name: ({ name }) => [name],
  id: ({ id }) => [id],
  kind: ({ kind }) => [kind],
  node: ({ node }) => [node],
  process: ({ process }) => [process],
  container: ({ container }) => [container],
  namespace: ({ namespace }) => [namespace],
  workload: ({ workload }) => [workload],
  pod: ({ pod }) => [pod],
  service: ({ service }) => [service],
  address: ({ addresses }) => addresses,
  network: ({ network, group }) => [network ?? group],
  country: ({ country }) => [country],
  asn: ({ asNumber }) => [asNumber],
  domain: ({ domain }) => [domain],
  site: ({ site }) => [site],
  vlan: ({ vlan }) => [vlan],
};

const linkValues: Readonly<Record<string, Values<TopologyLink>>> = {
  port: ({ ports }) => ports.map(({ port }) => port),
  protocol: ({ ports }) => ports.map(({ protocol }) => protocol),
  observer: ({ observers }) => observers.map(({ id }) => id),
  exporter: ({ observers }) => observers.filter(({ kind }) => kind === "exporter").map(({ name }) => name),
};
