import type { Sampler } from "./sampling.ts";
import type { Template, TemplateLayout } from "./template.ts";

/** What options data say about an observation domain; 0 is not said. */
export interface DomainFacts {
  /** One packet in this many, where no sampler is named. */
  samplingInterval: number;
  /** By samplerId (48) or selectorId (302). */
  readonly samplers: Map<number, Sampler>;
  /** selectionSequenceId (301) to the selector at its end. */
  readonly sequences: Map<number, number>;
  /** Unix time of the exporter's start, which IPFIX's sysUpTime elements count from. */
  systemInitMilliseconds: number;
}

/** What one transport session (RFC 7011 §2: here address, port, version and domain) has announced. */
export interface Session extends DomainFacts {
  readonly domainKey: number;
  readonly port: number;
  readonly templates: Map<number, Template>;
  announcedMilliseconds: number;
  /** When records were last read by one of its templates, for its own port or another; 0 never. */
  usedMilliseconds: number;
}

/** A domain's sessions, and what any of them said last. */
export interface Domain {
  readonly version: number;
  readonly id: number;
  /** By source port; the one that announced last is at the end. */
  readonly sessions: Map<number, Session>;
  readonly shared: Session;
  /** The domain 0 of the same version, where a device says what concerns all of it (RFC 7011 §3.1); undefined when it has said nothing. */
  whole(): Domain | undefined;
}

export interface InterfaceNames {
  name: string;
  description: string;
}

/** Everything kept of one exporter address. */
export interface ExporterState {
  readonly addressText: string;
  readonly domains: Map<number, Domain>;
  /** By ifIndex. */
  readonly interfaces: Map<number, InterfaceNames>;
  /** Sets and records read, two numbers per version and kind of set: `countSet`. */
  readonly setCounts: Float64Array;
  /** Those of all its domains, in no order. */
  readonly sessions: Session[];
  templateCount: number;
  /** Fields of its templates. */
  fieldCount: number;
  /** Templates given up because they were not announced again in time. */
  expiredTemplateCount: number;
  /** Samplers and sequences of all its sessions and domains. */
  samplerCount: number;
  waitingBytes: number;
  lastSeenMilliseconds: number;
  /** When it was last looked for templates that are too old. */
  sweptMilliseconds: number;
}

export function createExporterState(addressText: string, nowMilliseconds: number): ExporterState {
  return {
    addressText,
    domains: new Map(),
    interfaces: new Map(),
    setCounts: new Float64Array(16),
    sessions: [],
    templateCount: 0,
    fieldCount: 0,
    expiredTemplateCount: 0,
    samplerCount: 0,
    waitingBytes: 0,
    lastSeenMilliseconds: nowMilliseconds,
    sweptMilliseconds: nowMilliseconds,
  };
}

function createSession(domainKey: number, port: number): Session {
  return {
    domainKey,
    port,
    templates: new Map(),
    samplingInterval: 0,
    samplers: new Map(),
    sequences: new Map(),
    systemInitMilliseconds: 0,
    announcedMilliseconds: 0,
    usedMilliseconds: 0,
  };
}

/** Versions below 16, domains of 32 bits: one exact number. */
export function domainKey(version: number, domainId: number): number {
  return version * 0x100000000 + domainId;
}

export function findDomain(state: ExporterState, version: number, domainId: number): Domain | undefined {
  return state.domains.get(domainKey(version, domainId));
}

/** The session of a port, moved to the end of the domain's order, or undefined when it has announced nothing yet. */
export function touchSession(domain: Domain, port: number): Session | undefined {
  const session = domain.sessions.get(port);
  if (session === undefined) return undefined;
  domain.sessions.delete(port);
  domain.sessions.set(port, session);
  return session;
}

/** Adds a session; the caller has seen to the bound. */
export function addSession(state: ExporterState, version: number, domainId: number, port: number): Session {
  const key = domainKey(version, domainId);
  let domain = state.domains.get(key);
  if (domain === undefined) {
    domain = {
      version,
      id: domainId,
      sessions: new Map(),
      shared: createSession(key, 0),
      whole: () => (domainId === 0 ? undefined : findDomain(state, version, 0)),
    };
    state.domains.set(key, domain);
  }
  const session = createSession(key, port);
  domain.sessions.set(port, session);
  state.sessions.push(session);
  return session;
}

/**
 * The template for a data set: the port's own, else the one that another port of the same domain announced last
 * (exporters that restart come back from another port; some send options from one of their own).
 * A borrowed one must fit: several softflowd behind one address use one id for different layouts.
 */
export function findTemplate(
  domain: Domain | undefined,
  port: number,
  templateId: number,
  setBytes: number,
): Template | undefined {
  const own = domain?.sessions.get(port)?.templates.get(templateId);
  if (own !== undefined) {
    const { previous } = own;
    const isOlder =
      previous !== undefined && !canFit(own.layout, setBytes) && canFit(previous.layout, setBytes);
    return isOlder ? previous : own;
  }
  const borrowed = domain?.shared.templates.get(templateId);
  return borrowed !== undefined && canFit(borrowed.layout, setBytes) ? borrowed : undefined;
}

/** Padding is shorter than 4 bytes when it is for alignment (RFC 7011 §3.3.1). */
function canFit({ isVariable, recordLength }: TemplateLayout, setBytes: number): boolean {
  return setBytes >= recordLength && (isVariable || setBytes % recordLength < 4);
}

export function findSystemInit(domain: Domain | undefined, port: number): number {
  return domain?.sessions.get(port)?.systemInitMilliseconds || domain?.shared.systemInitMilliseconds || 0;
}

/** What a set can be, by its place in `ExporterState.setCounts`; the names are the API's and the metrics'. */
export const setKinds = { template: 0, optionsTemplate: 2, data: 4, optionsData: 6 } as const;
export type SetKind = keyof typeof setKinds;

/** Place of the set count of a version and kind; the records' is behind it. */
export function setCountPlace(version: number, kind: SetKind): number {
  return (version & 1) * 8 + setKinds[kind];
}

export function countSet(state: ExporterState, version: number, kind: SetKind, recordCount: number): void {
  const place = setCountPlace(version, kind);
  state.setCounts[place]!++;
  state.setCounts[place + 1]! += recordCount;
}
