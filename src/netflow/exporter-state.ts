import type { DomainFacts } from "./options.ts";
import type { Template } from "./template.ts";

/** What one transport session (RFC 7011 §2: here address, port, version and domain) has announced. */
export interface Session extends DomainFacts {
  readonly templates: Map<number, Template>;
}

/** A domain's sessions, and what any of them said last. */
export interface Domain {
  readonly version: number;
  readonly id: number;
  /** By source port; the one that announced last is at the end. */
  readonly sessions: Map<number, Session>;
  readonly shared: Session;
}

/** Everything kept of one exporter address. */
export interface ExporterState {
  readonly addressText: string;
  readonly domains: Map<number, Domain>;
  sessionCount: number;
  templateCount: number;
  waitingBytes: number;
  lastSeenMilliseconds: number;
}

export function createExporterState(addressText: string): ExporterState {
  return {
    addressText,
    domains: new Map(),
    sessionCount: 0,
    templateCount: 0,
    waitingBytes: 0,
    lastSeenMilliseconds: 0,
  };
}

function createSession(): Session {
  return { templates: new Map(), samplingInterval: 0, systemInitMilliseconds: 0 };
}

/** Versions below 16, domains of 32 bits: one exact number. */
function domainKey(version: number, domainId: number): number {
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
    domain = { version, id: domainId, sessions: new Map(), shared: createSession() };
    state.domains.set(key, domain);
  }
  const session = createSession();
  domain.sessions.set(port, session);
  state.sessionCount++;
  return session;
}

/**
 * The template for a data set: the port's own, else the one that another port of the same domain announced last
 * (exporters that restart come back from another port; some send options from one of their own).
 * A borrowed one must fit: several softflowd behind one address use one id for different layouts.
 */
export function findTemplate(
  state: ExporterState,
  version: number,
  domainId: number,
  port: number,
  templateId: number,
  setBytes: number,
): Template | undefined {
  const domain = findDomain(state, version, domainId);
  const own = domain?.sessions.get(port)?.templates.get(templateId);
  if (own !== undefined) return own;
  const borrowed = domain?.shared.templates.get(templateId);
  return borrowed !== undefined && canFit(borrowed, setBytes) ? borrowed : undefined;
}

/** Padding is shorter than 4 bytes when it is for alignment (RFC 7011 §3.3.1). */
function canFit({ isVariable, recordLength }: Template, setBytes: number): boolean {
  return setBytes >= recordLength && (isVariable || setBytes % recordLength < 4);
}

export function findSamplingInterval(domain: Domain | undefined, port: number): number {
  return domain?.sessions.get(port)?.samplingInterval || domain?.shared.samplingInterval || 0;
}

export function findSystemInit(domain: Domain | undefined, port: number): number {
  return domain?.sessions.get(port)?.systemInitMilliseconds || domain?.shared.systemInitMilliseconds || 0;
}
