import { isInCidr, parseAddress } from "../flow/index.ts";
import type { CompareOperator, Filter, FilterEnd, FilterTerm, FilterTest } from "./filter.ts";
import type { FilterObserver, FilterPeer, FilterSubject } from "./filter-subject.ts";
import { compilePattern } from "./pattern.ts";

type Predicate<T> = (subject: T) => boolean;

/** Turns a filter into a test, once; the test allocates nothing but what it remembers of addresses. */
export function compileFilter(filter: Filter | undefined): Predicate<FilterSubject> {
  if (filter === undefined) return () => true;
  switch (filter.kind) {
    case "and": {
      const parts = filter.parts.map(compileFilter);
      return (subject) => parts.every((part) => part(subject));
    }
    case "or": {
      const parts = filter.parts.map(compileFilter);
      return (subject) => parts.some((part) => part(subject));
    }
    case "not": {
      const part = compileFilter(filter.part);
      return (subject) => !part(subject);
    }
    case "term":
      return compileTerm(filter);
  }
}

/** Evaluates once; whoever asks more often compiles. */
export function matches(filter: Filter | undefined, subject: FilterSubject): boolean {
  return compileFilter(filter)(subject);
}

function compileTerm({ field, end, test }: FilterTerm): Predicate<FilterSubject> {
  switch (field) {
    case "id":
    case "name":
    case "kind":
    case "process":
    case "container":
    case "node": {
      const matchesText = compileText(test);
      return atEnd(end, (peer) => matchesText(peer[field]));
    }
    case "network": {
      if (test.kind === "address") return atEnd(end, compileAddresses(test));
      const matchesText = compileText(test);
      return atEnd(end, (peer) => matchesText(peer.network));
    }
    case "address":
      return atEnd(end, compileAddresses(test));
    case "port":
      return compilePort(end, compileNumber(test));
    case "exporter":
    case "observer":
      return compileObserver(field, compileText(test));
    case "rtt": {
      const matchesNumber = compileNumber(test);
      return ({ rttMilliseconds }) => rttMilliseconds !== null && matchesNumber(rttMilliseconds);
    }
    default: {
      const matchesNumber = compileNumber(test);
      return (subject) => matchesNumber(subject[field]);
    }
  }
}

function atEnd(end: FilterEnd, matchesPeer: Predicate<FilterPeer>): Predicate<FilterSubject> {
  switch (end) {
    case "either":
      return ({ client, server }) => matchesPeer(client) || matchesPeer(server);
    case "client":
      return ({ client }) => matchesPeer(client);
    case "server":
      return ({ server }) => matchesPeer(server);
    case "source":
      return ({ client, server, sourceIsClient }) => matchesPeer(sourceIsClient === false ? server : client);
    case "destination":
      return ({ client, server, sourceIsClient }) => matchesPeer(sourceIsClient === false ? client : server);
  }
}

function compilePort(end: FilterEnd, matchesNumber: Predicate<number>): Predicate<FilterSubject> {
  const atServer: Predicate<FilterSubject> = ({ port }) => matchesNumber(port);
  const atClient: Predicate<FilterSubject> = ({ clientPort }) =>
    clientPort !== undefined && matchesNumber(clientPort);
  switch (end) {
    case "either":
      return (subject) => atServer(subject) || atClient(subject);
    case "client":
      return atClient;
    case "server":
      return atServer;
    case "source":
      return (subject) => (subject.sourceIsClient === false ? atServer : atClient)(subject);
    case "destination":
      return (subject) => (subject.sourceIsClient === false ? atClient : atServer)(subject);
  }
}

/** An observer is found by its name, its id, or its id without the kind: `exporter:192.0.2.1`. */
function compileObserver(
  field: "exporter" | "observer",
  matchesText: Predicate<string>,
): Predicate<FilterSubject> {
  const matchesObserver = ({ id, kind, name }: FilterObserver) =>
    (field === "observer" || kind === "exporter") &&
    (matchesText(name) || matchesText(id) || matchesText(id.slice(id.indexOf(":") + 1)));
  return ({ observers }) => observers.some(matchesObserver);
}

function compileText(test: FilterTest): Predicate<string> {
  if (test.kind !== "text") return () => false;
  const patterns = test.patterns.map(compilePattern);
  if (patterns.length === 1) {
    const only = patterns[0]!;
    return (text) => only(text.toLowerCase());
  }
  return (text) => {
    const lowerCaseText = text.toLowerCase();
    return patterns.some((pattern) => pattern(lowerCaseText));
  };
}

function compileNumber(test: FilterTest): Predicate<number> {
  if (test.kind === "compare") return compare[test.operator](test.value);
  if (test.kind !== "number") return () => false;
  const values = new Set(test.values);
  return (value) => values.has(value);
}

const compare: Readonly<Record<CompareOperator, (bound: number) => Predicate<number>>> = {
  "<": (bound) => (value) => value < bound,
  "<=": (bound) => (value) => value <= bound,
  ">": (bound) => (value) => value > bound,
  ">=": (bound) => (value) => value >= bound,
  "=": (bound) => (value) => value === bound,
};

const rememberedMax = 65_536;

/** Remembers the answer per address text, up to a bound: the same peers are asked about every second. */
function compileAddresses(test: FilterTest): Predicate<FilterPeer> {
  if (test.kind !== "address") return () => false;
  const { ranges } = test;
  const remembered = new Map<string, boolean>();
  const matchesAddress = (text: string) => {
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const bytes = parseAddress(text);
    const isInside = bytes !== undefined && ranges.some((range) => isInCidr(range, bytes));
    if (remembered.size >= rememberedMax) remembered.clear();
    remembered.set(text, isInside);
    return isInside;
  };
  return ({ addresses }) => addresses.some(matchesAddress);
}
