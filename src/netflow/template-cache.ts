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
import type { OptionsKeeper } from "./options-keeper.ts";
import { compileTemplate, type Template } from "./template.ts";
import { readFieldSpecifiers, type TemplateAnnouncement } from "./template-set.ts";

/** Who announces, and when. */
export interface SessionKey {
  readonly version: number;
  readonly observationDomainId: number;
  readonly port: number;
  readonly receivedMilliseconds: number;
}

const sweepMilliseconds = 60_000;

/**
 * Templates and domain facts of all exporters. Nothing of one exporter is ever given up for another that is not
 * silent: when a bound is reached the newcomer is refused.
 */
export class TemplateCache {
  readonly #limits: DecoderLimits;
  readonly #options: OptionsKeeper;
  readonly #states = new Map<string, ExporterState>();
  #fieldCount = 0;
  #nextEvictionMilliseconds = 0;

  constructor(limits: DecoderLimits, options: OptionsKeeper) {
    this.#limits = limits;
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
    if (state.sessionCount > 0 || state.waitingBytes > 0) return;
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
    const { id, isOptions, start, end, fieldCount } = announcement;
    const { version, observationDomainId } = context;
    if (id < 256 || fieldCount === 0 || fieldCount > this.#limits.fieldsPerTemplateMax)
      return "template_invalid";
    const session = this.#takeSession(state, context);
    const known = session.templates.get(id);
    const { shared } = findDomain(state, version, observationDomainId)!;
    if (known?.isOptions === isOptions && areBytesEqual(known.definition, bytes, start, end)) {
      known.announcedMilliseconds = context.receivedMilliseconds;
      this.#fieldCount -= known.previous?.fieldCount ?? 0;
      known.previous = undefined;
      shared.templates.set(id, known);
      return known;
    }
    const isFull =
      (known === undefined && state.templateCount >= this.#limits.templatesPerExporterMax) ||
      !this.#hasRoom(fieldCount - (known?.previous?.fieldCount ?? 0), context.receivedMilliseconds);
    const fields = isFull ? [] : readFieldSpecifiers(bytes, announcement, version);
    const template = isFull ? undefined : compileTemplate(id, isOptions, fields, bytes.slice(start, end));
    if (template === undefined) {
      this.#removeIfEmpty(state, context);
      return isFull ? "template_limit" : "template_invalid";
    }
    template.announcedMilliseconds = context.receivedMilliseconds;
    if (known === undefined) state.templateCount++;
    else {
      this.#fieldCount -= known.previous?.fieldCount ?? 0;
      known.previous = undefined;
      template.previous = known;
    }
    this.#fieldCount += fields.length;
    session.templates.set(id, template);
    shared.templates.set(id, template);
    return template;
  }

  /** Whether so many fields more can be kept; an exporter that is silent for long makes room. */
  #hasRoom(fieldCount: number, nowMilliseconds: number): boolean {
    const { templateFieldsMax } = this.#limits;
    if (this.#fieldCount + fieldCount <= templateFieldsMax) return true;
    return this.#evictIdle(nowMilliseconds) && this.#fieldCount + fieldCount <= templateFieldsMax;
  }

  /** RFC 7011 §8.1: an id below 256 is that of a set and withdraws all templates of its kind. */
  withdraw(state: ExporterState, context: SessionKey, { id, isOptions }: TemplateAnnouncement): void {
    const domain = findDomain(state, context.version, context.observationDomainId);
    const session = domain?.sessions.get(context.port);
    if (domain === undefined || session === undefined) return;
    for (const template of session.templates.values()) {
      const isMeant = id >= 256 ? template.id === id : template.isOptions === isOptions;
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
    this.#fieldCount -= fieldsKept(template);
  }

  /** The session of the message's port; when the exporter has too many, the one longest silent in its domain goes. */
  #takeSession(state: ExporterState, context: SessionKey): Session {
    const { version, observationDomainId, port } = context;
    const domain = findDomain(state, version, observationDomainId);
    const known = domain === undefined ? undefined : touchSession(domain, port);
    if (known !== undefined) return known;
    if (state.sessionCount >= this.#limits.sessionsPerExporterMax) {
      const crowded = domain ?? state.domains.values().next().value!;
      this.#removeSession(state, crowded, crowded.sessions.keys().next().value!);
    }
    return addSession(state, version, observationDomainId, port);
  }

  #removeIfEmpty(state: ExporterState, context: SessionKey): void {
    const domain = findDomain(state, context.version, context.observationDomainId);
    const session = domain?.sessions.get(context.port);
    if (session?.templates.size === 0) this.#removeSession(state, domain!, context.port);
  }

  #removeSession(state: ExporterState, domain: Domain, port: number): void {
    const session = domain.sessions.get(port)!;
    for (const template of session.templates.values()) this.#fieldCount -= fieldsKept(template);
    this.#options.releaseFacts(state, session);
    state.templateCount -= session.templates.size;
    state.sessionCount--;
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

function fieldsKept({ fieldCount, previous }: Template): number {
  return fieldCount + (previous?.fieldCount ?? 0);
}
