import type { DropReason } from "../flow/index.ts";
import { areBytesEqual } from "./bytes.ts";
import type { DecoderLimits } from "./config.ts";
import {
  addSession,
  createExporterState,
  type Domain,
  type ExporterState,
  findDomain,
  type Session,
  touchSession,
} from "./exporter-state.ts";
import type { MessageContext } from "./message.ts";
import { compileTemplate, type Template } from "./template.ts";
import { readFieldSpecifiers, type TemplateAnnouncement } from "./template-set.ts";

/**
 * Templates and domain facts of all exporters. Nothing of one exporter is ever given up for another that is not
 * silent: when a bound is reached the newcomer is refused.
 */
export class TemplateCache {
  readonly #limits: DecoderLimits;
  readonly #states = new Map<string, ExporterState>();
  #fieldCount = 0;
  #nextEvictionMilliseconds = 0;

  constructor(limits: DecoderLimits) {
    this.#limits = limits;
  }

  get exporterCount(): number {
    return this.#states.size;
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
      state = createExporterState(addressText);
      this.#states.set(addressText, state);
    }
    state.lastSeenMilliseconds = nowMilliseconds;
    return state;
  }

  /** Forgets an exporter that has announced nothing and has nothing waiting. */
  releaseIfUnused(state: ExporterState): void {
    if (state.sessionCount === 0 && state.waitingBytes === 0) this.#states.delete(state.addressText);
  }

  /** Forgets an exporter and all it announced. */
  forget(state: ExporterState): void {
    for (const domain of [...state.domains.values()]) {
      for (const port of [...domain.sessions.keys()]) this.#removeSession(state, domain, port);
    }
    this.#states.delete(state.addressText);
  }

  /** Keeps a template, compiling it only when it is not the one already there. */
  announce(
    state: ExporterState,
    context: MessageContext,
    bytes: Uint8Array,
    announcement: TemplateAnnouncement,
  ): Template | DropReason {
    const { id, isOptions, start, end, fieldCount } = announcement;
    if (id < 256 || fieldCount === 0 || fieldCount > this.#limits.fieldsPerTemplateMax)
      return "template_invalid";
    const session = this.#takeSession(state, context);
    const known = session.templates.get(id);
    const { shared } = findDomain(state, context.version, context.observationDomainId)!;
    if (known?.isOptions === isOptions && areBytesEqual(known.definition, bytes, start, end)) {
      shared.templates.set(id, known);
      return known;
    }
    const isFull =
      (known === undefined && state.templateCount >= this.#limits.templatesPerExporterMax) ||
      this.#fieldCount + fieldCount - (known?.fieldCount ?? 0) > this.#limits.templateFieldsMax;
    const fields = isFull ? [] : readFieldSpecifiers(bytes, announcement, context.version);
    const template = isFull ? undefined : compileTemplate(id, isOptions, fields, bytes.slice(start, end));
    if (template === undefined) {
      this.#removeIfEmpty(state, context);
      return isFull ? "template_limit" : "template_invalid";
    }
    if (known === undefined) state.templateCount++;
    this.#fieldCount += fields.length - (known?.fieldCount ?? 0);
    session.templates.set(id, template);
    shared.templates.set(id, template);
    return template;
  }

  /** RFC 7011 §8.1: an id below 256 is that of a set and withdraws all templates of its kind. */
  withdraw(state: ExporterState, context: MessageContext, { id, isOptions }: TemplateAnnouncement): void {
    const domain = findDomain(state, context.version, context.observationDomainId);
    const session = domain?.sessions.get(context.source.port);
    if (domain === undefined || session === undefined) return;
    for (const template of session.templates.values()) {
      if (id >= 256 ? template.id !== id : template.isOptions !== isOptions) continue;
      session.templates.delete(template.id);
      if (domain.shared.templates.get(template.id) === template) domain.shared.templates.delete(template.id);
      state.templateCount--;
      this.#fieldCount -= template.fieldCount;
    }
    this.#removeIfEmpty(state, context);
  }

  /** The session of the message's port; when the exporter has too many, the one longest silent in its domain goes. */
  #takeSession(state: ExporterState, context: MessageContext): Session {
    const { version, observationDomainId, source } = context;
    const domain = findDomain(state, version, observationDomainId);
    const known = domain === undefined ? undefined : touchSession(domain, source.port);
    if (known !== undefined) return known;
    if (state.sessionCount >= this.#limits.sessionsPerExporterMax) {
      const crowded = domain ?? state.domains.values().next().value!;
      this.#removeSession(state, crowded, crowded.sessions.keys().next().value!);
    }
    return addSession(state, version, observationDomainId, source.port);
  }

  #removeIfEmpty(state: ExporterState, context: MessageContext): void {
    const domain = findDomain(state, context.version, context.observationDomainId);
    const session = domain?.sessions.get(context.source.port);
    if (session?.templates.size === 0) this.#removeSession(state, domain!, context.source.port);
  }

  #removeSession(state: ExporterState, domain: Domain, port: number): void {
    const session = domain.sessions.get(port)!;
    for (const template of session.templates.values()) this.#fieldCount -= template.fieldCount;
    state.templateCount -= session.templates.size;
    state.sessionCount--;
    domain.sessions.delete(port);
    // What the last session leaves behind in `shared` is not counted, so it goes too.
    if (domain.sessions.size > 0) this.#dropOrphans(domain, session);
    else for (const [key, kept] of state.domains) if (kept === domain) state.domains.delete(key);
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
