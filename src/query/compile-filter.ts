import { isInCidr, parseAddress } from "../flow/index.ts";
import type { CompareOperator, Filter, FilterEnd, FilterTerm, FilterTest } from "./filter.ts";
import type { FilterInterfaces, FilterObserver, FilterPeer, FilterSubject } from "./filter-subject.ts";
import { compilePattern } from "./pattern.ts";

type CalledPeer = NonNullable<FilterSubject["called"]>;
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

function compileTerm({ field, end, test, key = "" }: FilterTerm): Predicate<FilterSubject> {
  switch (field) {
    case "id":
    case "name":
    case "kind":
    case "process":
    case "container":
    case "node":
    case "namespace":
    case "workload":
    case "pod":
    case "domain":
    case "site": {
      const matchesText = compileText(test);
      return atEnd(end, (peer) => matchesText(peer[field] ?? ""));
    }
    case "unresolved": {
      const matchesText = compileText(test);
      return atEnd(end, ({ unresolved = "" }) => unresolved !== "" && matchesText(unresolved));
    }
    case "service": {
      const matchesText = compileText(test);
      const isOf = ({ service = "" }: CalledPeer) => service.split(", ").some(matchesText);
      return anyOf(atEnd(end, isOf), compileCalled(end, isOf));
    }
    case "label": {
      const matchesText = compileText(test);
      return atEnd(end, ({ labels = "" }) => {
        const value = labelValue(labels, key);
        return value !== undefined && matchesText(value);
      });
    }
    case "country": {
      const matchesText = compileText(test);
      return atEnd(
        end,
        ({ country = "", countryName = "" }) => matchesText(country) || matchesText(countryName),
      );
    }
    case "asn": {
      if (test.kind === "number") return atEnd(end, compileKnown(test, "asNumber"));
      const matchesText = compileText(test);
      return atEnd(end, ({ asName = "" }) => matchesText(asName));
    }
    case "vlan": {
      const ofPeer = atEnd(end, compileKnown(test, "vlan"));
      if (end !== "either") return ofPeer;
      const matchesNumber = compileNumber(test);
      return anyOf(ofPeer, ({ vlanId }) => vlanId !== undefined && matchesNumber(vlanId));
    }
    case "interface":
      return compileInterface(end, compileNumber(test));
    case "network": {
      if (test.kind === "address") return atEnd(end, compileAddresses(test));
      const matchesText = compileText(test);
      return atEnd(end, (peer) => matchesText(peer.network));
    }
    case "address": {
      const isInside = compileAddresses(test);
      return anyOf(atEnd(end, isInside), compileCalled(end, isInside));
    }
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

/** Whom the client called stands where the server does. */
function compileCalled(end: FilterEnd, matchesPeer: Predicate<CalledPeer>): Predicate<FilterSubject> {
  const isCalled: Predicate<FilterSubject> = ({ called }) => called !== undefined && matchesPeer(called);
  switch (end) {
    case "client":
      return () => false;
    case "source":
      return (subject) => subject.sourceIsClient === false && isCalled(subject);
    case "destination":
      return (subject) => subject.sourceIsClient !== false && isCalled(subject);
    default:
      return isCalled;
  }
}

/** A flow comes in where its source is, and leaves where its destination is. */
function compileInterface(end: FilterEnd, matchesNumber: Predicate<number>): Predicate<FilterSubject> {
  const atClient: Predicate<FilterInterfaces> = ({ client }) => matchesNumber(client);
  const atServer: Predicate<FilterInterfaces> = ({ server }) => matchesNumber(server);
  const atEither = anyOf(atClient, atServer);
  switch (end) {
    case "either":
      return ({ interfaces }) => interfaces.some(atEither);
    case "client":
      return ({ interfaces }) => interfaces.some(atClient);
    case "server":
      return ({ interfaces }) => interfaces.some(atServer);
    case "source":
      return ({ interfaces, sourceIsClient }) =>
        interfaces.some(sourceIsClient === false ? atServer : atClient);
    case "destination":
      return ({ interfaces, sourceIsClient }) =>
        interfaces.some(sourceIsClient === false ? atClient : atServer);
  }
}

function compileKnown(test: FilterTest, name: "asNumber" | "vlan"): Predicate<FilterPeer> {
  const matchesNumber = compileNumber(test);
  return ({ [name]: value }) => value !== undefined && matchesNumber(value);
}

/** The value of a label, out of `key=value,key=value`; undefined where it has none. */
function labelValue(labels: string, key: string): string | undefined {
  const [, rest] = `,${labels}`.split(`,${key}=`, 2);
  return rest?.split(",", 1)[0];
}

function anyOf<T>(one: Predicate<T>, other: Predicate<T>): Predicate<T> {
  return (subject) => one(subject) || other(subject);
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
function compileAddresses(test: FilterTest): Predicate<CalledPeer> {
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
