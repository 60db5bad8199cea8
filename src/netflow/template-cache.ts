import type { DropReason } from "../flow/index.ts";
import { areBytesEqual } from "./bytes.ts";
import type { DecoderLimits } from "./config.ts";
import {
  addSession,
  createExporterState,
  type Domain,
  domainKey,
  type ExporterState,
  findDomain,
  type Session,
  touchSession,
} from "./exporter-state.ts";
import type { FairShare } from "./fair-share.ts";
import { LayoutCache } from "./layout-cache.ts";
import type { OptionsKeeper } from "./options-keeper.ts";
import type { Template } from "./template.ts";
import type { TemplateAnnouncement } from "./template-set.ts";

/** Who announces, and when. */
export interface SessionKey {
  readonly version: number;
  readonly observationDomainId: number;
  readonly port: number;
  readonly receivedMilliseconds: number;
}

const sweepMilliseconds = 60_000;
/** New layouts of one datagram that are compiled: more than any exporter has, few enough not to hold up the others. */
const compiledPerDatagramMax = 1024;

/**
 * Templates and domain facts of all exporters. Nothing of one exporter is ever given up for another that is not
 * silent: when a bound is reached the newcomer is refused.
 */
export class TemplateCache {
  readonly #limits: DecoderLimits;
  readonly #share: FairShare;
  readonly #options: OptionsKeeper;
  readonly #layouts = new LayoutCache();
  readonly #states = new Map<string, ExporterState>();
  #fieldCount = 0;
  #nextEvictionMilliseconds = 0;

  constructor(limits: DecoderLimits, share: FairShare, options: OptionsKeeper) {
    this.#limits = limits;
    this.#share = share;
    this.#options = options;
  }

  get exporterCount(): number {
    return this.#states.size;
  }

  states(): IterableIterator<ExporterState> {
    return this.#states.values();
  }

  get fieldCount(): number {
    return this.#fieldCount;
  }

  /** Before each datagram. */
  begin(): void {
    this.#layouts.compiledCount = 0;
  }

  find(addressText: string): ExporterState | undefined {
    return this.#states.get(addressText);
  }

  /** The exporter's state, made when it has none. Undefined when there is no room for another exporter. */
  take(addressText: string, nowMilliseconds: number): ExporterState | undefined {
    let state = this.#states.get(addressText);
    if (state === undefined) {
      if (this.#states.size >= this.#limits.exportersMax && !this.#evictIdle(nowMilliseconds))
        return undefined;
      state = createExporterState(addressText, nowMilliseconds);
      this.#states.set(addressText, state);
    }
    state.lastSeenMilliseconds = nowMilliseconds;
    this.#sweep(state, nowMilliseconds);
    return state;
  }

  /** Forgets an exporter that has announced nothing and has nothing waiting. */
  releaseIfUnused(state: ExporterState): void {
    if (state.sessions.length > 0 || state.waitingBytes > 0) return;
    this.#options.releaseInterfaces(state);
    this.#states.delete(state.addressText);
  }

  /** Forgets an exporter and all it announced. */
  forget(state: ExporterState): void {
    for (const domain of [...state.domains.values()]) {
      for (const port of [...domain.sessions.keys()]) this.#removeSession(state, domain, port);
    }
    this.#options.releaseInterfaces(state);
    this.#states.delete(state.addressText);
  }

  /** Keeps a template, compiling it only when it is not the one already there. */
  announce(
    state: ExporterState,
    context: SessionKey,
    bytes: Uint8Array,
    announcement: TemplateAnnouncement,
  ): Template | DropReason {
    const { id, fieldCount } = announcement;
    const { version, observationDomainId, receivedMilliseconds } = context;
    if (id < 256 || fieldCount === 0 || fieldCount > this.#limits.fieldsPerTemplateMax)
      return "template_invalid";
    const session = this.#takeSession(state, context);
    if (session === undefined) return this.#announceLent(state, context, bytes, announcement);
    const known = session.templates.get(id);
    const { shared } = findDomain(state, version, observationDomainId)!;
    if (known !== undefined && isSame(known, bytes, announcement)) {
      known.announcedMilliseconds = receivedMilliseconds;
      this.#dropPrevious(state, known);
      shared.templates.set(id, known);
      return known;
    }
    const isFull =
      (this.#layouts.compiledCount >= compiledPerDatagramMax && !this.#share.isLifted) ||
      (known === undefined && state.templateCount >= this.#limits.templatesPerExporterMax) ||
      !this.#hasRoom(state, fieldCount - (known?.previous?.layout.fieldCount ?? 0), receivedMilliseconds);
    const layout = isFull ? undefined : this.#layouts.take(version, bytes, announcement);
    if (layout === undefined) {
      this.#removeIfEmpty(state, context);
      return isFull ? "template_limit" : "template_invalid";
    }
    if (known === undefined) state.templateCount++;
    else this.#dropPrevious(state, known);
    const template = {
      id,
      layout,
      session,
      previous: known,
      announcedMilliseconds: receivedMilliseconds,
      recordCount: 0,
    };
    this.#countFields(state, fieldCount);
    session.templates.set(id, template);
    shared.templates.set(id, template);
    return template;
  }

  /** A port that finds no place may still announce what it borrows: exporters behind a NAT change ports all the time. */
  #announceLent(
    state: ExporterState,
    { version, observationDomainId, receivedMilliseconds }: SessionKey,
    bytes: Uint8Array,
    announcement: TemplateAnnouncement,
  ): Template | DropReason {
    const lent = findDomain(state, version, observationDomainId)?.shared.templates.get(announcement.id);
    if (lent === undefined || !isSame(lent, bytes, announcement)) return "template_limit";
    lent.announcedMilliseconds = receivedMilliseconds;
    return lent;
  }

  /** Whether the port has announced a template of this id. */
  isKnown(state: ExporterState, { version, observationDomainId, port }: SessionKey, id: number): boolean {
    return findDomain(state, version, observationDomainId)?.sessions.get(port)?.templates.has(id) === true;
  }

  /** Whether the exporter may keep so many fields more; when there is no room, one that is silent for long makes it. */
  #hasRoom(state: ExporterState, fieldCount: number, nowMilliseconds: number): boolean {
    const { templateFieldsMax } = this.#limits;
    const isFull = this.#fieldCount + fieldCount > templateFieldsMax;
    if (isFull && !this.#evictIdle(nowMilliseconds)) return false;
    return this.#share.allows(templateFieldsMax, this.#fieldCount, state.fieldCount, fieldCount);
  }

  #countFields(state: ExporterState, fieldCount: number): void {
    state.fieldCount += fieldCount;
    this.#fieldCount += fieldCount;
  }

  #dropPrevious(state: ExporterState, template: Template): void {
    this.#countFields(state, -(template.previous?.layout.fieldCount ?? 0));
    template.previous = undefined;
  }

  /** RFC 7011 §8.1: an id below 256 is that of a set and withdraws all templates of its kind. */
  withdraw(state: ExporterState, context: SessionKey, { id, isOptions }: TemplateAnnouncement): void {
    const domain = findDomain(state, context.version, context.observationDomainId);
    const session = domain?.sessions.get(context.port);
    if (domain === undefined || session === undefined) return;
    for (const template of session.templates.values()) {
      const isMeant = id >= 256 ? template.id === id : template.layout.isOptions === isOptions;
      if (isMeant) this.#removeTemplate(state, domain, session, template);
    }
    this.#removeIfEmpty(state, context);
  }

  /** Gives up what was not announced again in time. Looks at an exporter once a minute, when it is heard from. */
  #sweep(state: ExporterState, nowMilliseconds: number): void {
    const { templateMilliseconds } = this.#limits;
    if (templateMilliseconds === 0 || nowMilliseconds - state.sweptMilliseconds < sweepMilliseconds) return;
    state.sweptMilliseconds = nowMilliseconds;
    for (const domain of [...state.domains.values()]) {
      for (const [port, session] of [...domain.sessions]) {
        for (const template of session.templates.values()) {
          if (nowMilliseconds - template.announcedMilliseconds <= templateMilliseconds) continue;
          this.#removeTemplate(state, domain, session, template);
          state.expiredTemplateCount++;
        }
        if (session.templates.size === 0) this.#removeSession(state, domain, port);
      }
    }
  }

  #removeTemplate(state: ExporterState, { shared }: Domain, session: Session, template: Template): void {
    session.templates.delete(template.id);
    if (shared.templates.get(template.id) === template) shared.templates.delete(template.id);
    state.templateCount--;
    this.#countFields(state, -fieldsKept(template));
  }

  /** The session of the message's port; undefined when the exporter has too many and all are in use. */
  #takeSession(state: ExporterState, context: SessionKey): Session | undefined {
    const { version, observationDomainId, port, receivedMilliseconds } = context;
    const domain = findDomain(state, version, observationDomainId);
    let session = domain === undefined ? undefined : touchSession(domain, port);
    if (session === undefined) {
      const isFull = state.sessions.length >= this.#limits.sessionsPerExporterMax;
      if (isFull && !this.#evictSession(state, receivedMilliseconds)) return undefined;
      session = addSession(state, version, observationDomainId, port);
    }
    session.announcedMilliseconds = receivedMilliseconds;
    return session;
  }

  /**
   * Gives up a session of the exporter: of those that no record was read by the one longest silent, only then the one longest
   * not used. False when all are in use: anybody can announce in an exporter's name, from ever new ports.
   */
  #evictSession(state: ExporterState, nowMilliseconds: number): boolean {
    let oldest = state.sessions[0]!;
    for (const session of state.sessions) if (isLessUsed(session, oldest)) oldest = session;
    const { usedMilliseconds, domainKey, port } = oldest;
    const isInUse =
      usedMilliseconds > 0 && nowMilliseconds - usedMilliseconds <= this.#limits.idleMilliseconds;
    if (!isInUse) this.#removeSession(state, state.domains.get(domainKey)!, port);
    return !isInUse;
  }

  #removeIfEmpty(state: ExporterState, context: SessionKey): void {
    const domain = findDomain(state, context.version, context.observationDomainId);
    const session = domain?.sessions.get(context.port);
    if (session?.templates.size === 0) this.#removeSession(state, domain!, context.port);
  }

  #removeSession(state: ExporterState, domain: Domain, port: number): void {
    const session = domain.sessions.get(port)!;
    for (const template of session.templates.values()) this.#countFields(state, -fieldsKept(template));
    this.#options.releaseFacts(state, session);
    state.templateCount -= session.templates.size;
    const last = state.sessions.pop()!;
    if (last !== session) state.sessions[state.sessions.indexOf(session)] = last;
    domain.sessions.delete(port);
    // What the last session leaves behind in `shared` is not counted, so it goes too.
    if (domain.sessions.size > 0) this.#dropOrphans(domain, session);
    else {
      this.#options.releaseFacts(state, domain.shared);
      state.domains.delete(domainKey(domain.version, domain.id));
    }
  }

  #dropOrphans({ shared }: Domain, removed: Session): void {
    for (const [id, template] of removed.templates) {
      if (shared.templates.get(id) === template) shared.templates.delete(id);
    }
  }

  /** Makes room by forgetting the exporter longest silent, if it is silent for long. Looks once a second at most. */
  #evictIdle(nowMilliseconds: number): boolean {
    if (nowMilliseconds < this.#nextEvictionMilliseconds) return false;
    this.#nextEvictionMilliseconds = nowMilliseconds + 1000;
    let oldest: ExporterState | undefined;
    for (const state of this.#states.values()) {
      if (oldest === undefined || state.lastSeenMilliseconds < oldest.lastSeenMilliseconds) oldest = state;
    }
    const isIdle = nowMilliseconds - oldest!.lastSeenMilliseconds > this.#limits.idleMilliseconds;
    if (!isIdle || oldest!.waitingBytes > 0) return false;
    this.forget(oldest!);
    return true;
  }
}

function fieldsKept({ layout, previous }: Template): number {
  return layout.fieldCount + (previous?.layout.fieldCount ?? 0);
}

/** Whether an announcement says of a template what is known: the id is not looked at. */
function isSame({ layout }: Template, bytes: Uint8Array, announcement: TemplateAnnouncement): boolean {
  const { isOptions, start, end } = announcement;
  return layout.isOptions === isOptions && areBytesEqual(layout.definition, bytes, start + 2, end);
}

function isLessUsed(a: Session, b: Session): boolean {
  if (a.usedMilliseconds !== b.usedMilliseconds) return a.usedMilliseconds < b.usedMilliseconds;
  return a.announcedMilliseconds < b.announcedMilliseconds;
}
