import { parseAddress } from "../flow/index.ts";
import type { DecoderLimits } from "./config.ts";
import {
  type Domain,
  type DomainFacts,
  type ExporterState,
  findDomain,
  type Session,
} from "./exporter-state.ts";
import { ipfix, netflowV9 } from "./message.ts";
import { unprintable } from "./options.ts";
import type { OptionsKeeper } from "./options-keeper.ts";
import type { TemplateCache } from "./template-cache.ts";
import { readTemplateAnnouncement, writeAnnouncement } from "./template-set.ts";

/** What is kept over a restart: docs/formats/templates.md. Plain values, to be written as JSON. */
export interface TemplateDump {
  readonly format: typeof dumpFormat;
  readonly version: typeof dumpVersion;
  readonly exporters: readonly DumpedExporter[];
}

const dumpFormat = "portolan-templates";
const dumpVersion = 1;

interface DumpedExporter {
  readonly address: string;
  readonly lastSeenMilliseconds: number;
  readonly domains: readonly DumpedDomain[];
  readonly interfaces: readonly {
    readonly index: number;
    readonly name: string;
    readonly description: string;
  }[];
}

interface DumpedDomain {
  /** 9 or 10, as messages begin. */
  readonly version: number;
  readonly observationDomainId: number;
  /** What any port said last. */
  readonly facts: DumpedFacts;
  readonly sessions: readonly (DumpedFacts & {
    readonly port: number;
    readonly templates: readonly DumpedTemplate[];
  })[];
}

interface DumpedTemplate {
  readonly isOptions: boolean;
  /** The announcement as it stood in its set, from the template id on. */
  readonly definition: string;
  readonly announcedMilliseconds: number;
}

interface DumpedFacts {
  readonly samplingInterval: number;
  readonly systemInitMilliseconds: number;
  readonly samplers: readonly {
    readonly id: number;
    readonly interval: number;
    readonly algorithm: number;
    readonly name: string;
  }[];
  readonly sequences: readonly { readonly id: number; readonly samplerId: number }[];
}

export function dumpTemplates(states: Iterable<ExporterState>): TemplateDump {
  return {
    format: dumpFormat,
    version: dumpVersion,
    exporters: [...states].filter(({ sessions }) => sessions.length > 0).map(dumpExporter),
  };
}

function dumpExporter(state: ExporterState): DumpedExporter {
  return {
    address: state.addressText,
    lastSeenMilliseconds: state.lastSeenMilliseconds,
    domains: [...state.domains.values()].map(dumpDomain),
    interfaces: [...state.interfaces].map(([index, { name, description }]) => ({ index, name, description })),
  };
}

function dumpDomain({ version, id, shared, sessions }: Domain): DumpedDomain {
  return {
    version,
    observationDomainId: id,
    facts: dumpFacts(shared),
    sessions: [...sessions].map(([port, session]) => ({
      port,
      ...dumpFacts(session),
      templates: dumpSession(session),
    })),
  };
}

function dumpSession({ templates }: Session): DumpedTemplate[] {
  return [...templates.values()].map(({ id, layout, announcedMilliseconds }) => ({
    isOptions: layout.isOptions,
    definition: writeHex(writeAnnouncement(id, layout)),
    announcedMilliseconds,
  }));
}

function dumpFacts({
  samplingInterval,
  systemInitMilliseconds,
  samplers,
  sequences,
}: DomainFacts): DumpedFacts {
  return {
    samplingInterval,
    systemInitMilliseconds,
    samplers: [...samplers].map(([id, sampler]) => ({ id, ...sampler })),
    sequences: [...sequences].map(([id, samplerId]) => ({ id, samplerId })),
  };
}

/**
 * Takes what a dump says, each template as if it were announced when it was. The value is a file that somebody may have
 * edited: what does not hold is passed over, what is beyond the limits is not taken. Templates that are too old, or of
 * exporters that have announced something since, stay away. Returns how many templates were taken.
 */
export function restoreTemplates(
  value: unknown,
  nowMilliseconds: number,
  templates: TemplateCache,
  options: OptionsKeeper,
  limits: DecoderLimits,
): number {
  const dump = asObject(value);
  if (dump.format !== dumpFormat || dump.version !== dumpVersion) return 0;
  const restoring = new Restoring(nowMilliseconds, templates, options, limits);
  for (const exporter of asList(dump.exporters)) restoring.takeExporter(asObject(exporter));
  return restoring.count;
}

/** A template of a dump that may be taken. */
interface Candidate {
  readonly port: number;
  readonly isOptions: boolean;
  readonly definition: Uint8Array;
  readonly announcedMilliseconds: number;
}

class Restoring {
  count = 0;
  readonly #nowMilliseconds: number;
  readonly #templates: TemplateCache;
  readonly #options: OptionsKeeper;
  readonly #limits: DecoderLimits;

  constructor(
    nowMilliseconds: number,
    templates: TemplateCache,
    options: OptionsKeeper,
    limits: DecoderLimits,
  ) {
    this.#nowMilliseconds = nowMilliseconds;
    this.#templates = templates;
    this.#options = options;
    this.#limits = limits;
  }

  takeExporter(exporter: JsonObject): void {
    const address = asText(exporter.address, nameLengthMax);
    if (parseAddress(address) === undefined || this.#templates.find(address) !== undefined) return;
    const lastSeen = Math.min(asCount(exporter.lastSeenMilliseconds), this.#nowMilliseconds);
    const state = this.#templates.take(address, lastSeen);
    if (state === undefined) return;
    for (const domain of asList(exporter.domains)) this.#takeDomain(state, asObject(domain));
    for (const entry of asList(exporter.interfaces)) this.#takeInterface(state, asObject(entry));
    this.#templates.releaseIfUnused(state);
  }

  /** Templates in the order of their announcement, so that the last is lent again; facts after the sessions are there. */
  #takeDomain(state: ExporterState, dumped: JsonObject): void {
    const version = asCount(dumped.version);
    const id = asCount(dumped.observationDomainId);
    if ((version !== netflowV9 && version !== ipfix) || id > 0xffffffff) return;
    const sessions = asList(dumped.sessions).map(asObject);
    const candidates = sessions.flatMap((session) => this.#findCandidates(session));
    candidates.sort((a, b) => a.announcedMilliseconds - b.announcedMilliseconds);
    for (const candidate of candidates) this.#takeTemplate(state, version, id, candidate);
    const domain = findDomain(state, version, id);
    if (domain === undefined) return;
    this.#takeFacts(state, domain.shared, asObject(dumped.facts));
    for (const session of sessions) {
      const known = domain.sessions.get(asCount(session.port));
      if (known !== undefined) this.#takeFacts(state, known, session);
    }
  }

  #findCandidates(session: JsonObject): Candidate[] {
    const port = asCount(session.port);
    if (port > 0xffff) return [];
    return asList(session.templates)
      .map(asObject)
      .flatMap(({ isOptions, definition, announcedMilliseconds }) => {
        const bytes = parseHex(asText(definition, definitionLengthMax));
        const announced = Math.min(asCount(announcedMilliseconds), this.#nowMilliseconds);
        if (bytes === undefined || typeof isOptions !== "boolean" || this.#isExpired(announced)) return [];
        return [{ port, isOptions, definition: bytes, announcedMilliseconds: announced }];
      });
  }

  #isExpired(announcedMilliseconds: number): boolean {
    const { templateMilliseconds } = this.#limits;
    return templateMilliseconds > 0 && this.#nowMilliseconds - announcedMilliseconds > templateMilliseconds;
  }

  #takeTemplate(state: ExporterState, version: number, domainId: number, candidate: Candidate): void {
    const { port, isOptions, definition, announcedMilliseconds } = candidate;
    const announcement = readTemplateAnnouncement(definition, 0, definition.length, version, isOptions);
    if (typeof announcement !== "object" || announcement.end !== definition.length) return;
    const key = {
      version,
      observationDomainId: domainId,
      port,
      receivedMilliseconds: announcedMilliseconds,
    };
    const taken = this.#templates.announce(state, key, definition, announcement);
    if (typeof taken === "object") this.count++;
  }

  #takeFacts(state: ExporterState, facts: DomainFacts, dumped: JsonObject): void {
    facts.samplingInterval = Math.min(asCount(dumped.samplingInterval), 0xffffffff);
    facts.systemInitMilliseconds = asCount(dumped.systemInitMilliseconds);
    for (const { id, interval, algorithm, name } of asList(dumped.samplers).map(asObject)) {
      if (!isCount(id)) continue;
      this.#options.keepSampler(state, facts, id, {
        interval: Math.min(asCount(interval), 0xffffffff),
        algorithm: asCount(algorithm),
        name: asText(name, nameLengthMax),
      });
    }
    for (const { id, samplerId } of asList(dumped.sequences).map(asObject))
      if (isCount(id) && isCount(samplerId)) this.#options.keepSequence(state, facts, id, samplerId);
  }

  #takeInterface(state: ExporterState, { index, name, description }: JsonObject): void {
    if (isCount(index)) {
      const names = [asText(name, nameLengthMax), asText(description, nameLengthMax)] as const;
      this.#options.keepInterface(state, index, ...names);
    }
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function asObject(value: unknown): JsonObject {
  return typeof value === "object" && value !== null ? (value as JsonObject) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function asCount(value: unknown): number {
  return isCount(value) ? value : 0;
}

/** Text from a file, no longer than one from an exporter can be; anything else is empty. */
function asText(value: unknown, lengthMax: number): string {
  return typeof value === "string" && value.length <= lengthMax ? value.replace(unprintable, "") : "";
}

const nameLengthMax = 255;
/** In hex, what a template set of one datagram can hold. */
const definitionLengthMax = 131_072;

function writeHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function parseHex(text: string): Uint8Array | undefined {
  if (text.length === 0 || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(i * 2, i * 2 + 2), 16),
  );
}
