import { findInformationElement, reverseEnterpriseNumber } from "../flow/index.ts";
import {
  type Domain,
  type ExporterState,
  type InterfaceNames,
  type SetKind,
  setCountPlace,
  setKinds,
} from "./exporter-state.ts";
import { ipfix, netflowV9 } from "./message.ts";
import type { DescribedField, Template, TemplateLayout } from "./template.ts";
import { readAnnouncedFields } from "./template-set.ts";
import type { WaitingSet } from "./waiting-room.ts";

/** One exporter's templates and what its options data said, for people to look at: plain values, a copy. */
export interface ExporterDescription {
  readonly templateCount: number;
  /** Templates given up since they were not announced again in time. */
  readonly expiredTemplateCount: number;
  readonly waitingBytes: number;
  readonly domains: readonly DomainDescription[];
  /** By domain and id; of what several ports say of one, what was said last. */
  readonly samplers: readonly SamplerDescription[];
  readonly templates: readonly TemplateDescription[];
  readonly missingTemplates: readonly MissingTemplateDescription[];
  readonly interfaces: readonly InterfaceDescription[];
  /** Sets and records read so far, by version and kind of set. */
  readonly sets: readonly SetCount[];
}

export interface DomainDescription {
  readonly version: number;
  readonly observationDomainId: number;
  /** Where no sampler is named; 0 unknown. */
  readonly samplingInterval: number;
  readonly ports: readonly { readonly port: number; readonly templateIds: readonly number[] }[];
}

export interface SamplerDescription {
  readonly observationDomainId: number;
  /** samplerId (48) or selectorId (302). */
  readonly id: number;
  readonly interval: number;
  /** selectorAlgorithm (304), samplerMode (49) or samplingAlgorithm (35) as said; 0 none. */
  readonly algorithm: number;
  readonly name: string;
}

export interface TemplateDescription {
  readonly id: number;
  /** `netflow9` or `ipfix`. */
  readonly protocol: string;
  readonly observationDomainId: number;
  readonly port: number;
  readonly isOptions: boolean;
  /**
   * By IANA's names, a reverse one with `reverse` before it, `ENTERPRISE/ID` where there is none, scopes of v9 as `scope/TYPE`.
   * Templates announced alike share one list.
   */
  readonly fields: readonly DescribedField[];
  readonly recordCount: number;
  readonly announcedMilliseconds: number;
}

export interface MissingTemplateDescription {
  readonly id: number;
  readonly protocol: string;
  readonly observationDomainId: number;
  readonly port: number;
  readonly waitingSetCount: number;
  readonly waitingBytes: number;
  readonly sinceMilliseconds: number;
}

export interface InterfaceDescription extends Readonly<InterfaceNames> {
  readonly index: number;
}

export interface SetCount {
  readonly version: number;
  readonly kind: SetKind;
  readonly setCount: number;
  readonly recordCount: number;
}

export function describeExporter(state: ExporterState, waiting: Iterable<WaitingSet>): ExporterDescription {
  const domains = [...state.domains.values()];
  return {
    templateCount: state.templateCount,
    expiredTemplateCount: state.expiredTemplateCount,
    waitingBytes: state.waitingBytes,
    domains: domains.map(describeDomain),
    samplers: domains.flatMap(describeSamplers),
    templates: domains.flatMap(describeTemplates),
    missingTemplates: describeMissing(waiting),
    interfaces: [...state.interfaces].map(([index, names]) => ({ index, ...names })).sort(byIndex),
    sets: describeSets(state),
  };
}

const byIndex = (a: { readonly index: number }, b: { readonly index: number }) => a.index - b.index;

function describeDomain({ version, id, sessions, shared }: Domain): DomainDescription {
  return {
    version,
    observationDomainId: id,
    samplingInterval: shared.samplingInterval,
    ports: [...sessions].map(([port, { templates }]) => ({ port, templateIds: [...templates.keys()] })),
  };
}

function describeSamplers({ id: observationDomainId, shared }: Domain): SamplerDescription[] {
  return [...shared.samplers].map(([id, sampler]) => ({ observationDomainId, id, ...sampler }));
}

function describeTemplates(domain: Domain): TemplateDescription[] {
  return [...domain.sessions].flatMap(([port, { templates }]) =>
    [...templates.values()].map((template) => describeTemplate(domain, port, template)),
  );
}

function describeTemplate({ version, id }: Domain, port: number, template: Template): TemplateDescription {
  const { layout, recordCount, announcedMilliseconds } = template;
  return {
    id: template.id,
    protocol: protocolName(version),
    observationDomainId: id,
    port,
    isOptions: layout.isOptions,
    fields: describeFields(layout),
    recordCount,
    announcedMilliseconds,
  };
}

/** One list for all templates of a layout: what tells of thousands of exporters is mostly these. */
function describeFields(layout: TemplateLayout): readonly DescribedField[] {
  layout.describedFields ??= readAnnouncedFields(layout).map(({ key, length }) => ({
    name: nameElement(key),
    length,
  }));
  return layout.describedFields;
}

function protocolName(version: number): string {
  return version === ipfix ? "ipfix" : "netflow9";
}

function nameElement(key: number): string {
  if (key < 0) return `scope/${-2 - key}`;
  const enterprise = Math.floor(key / 0x10000);
  const id = key % 0x10000;
  const name = findInformationElement(id)?.name;
  if (enterprise === 0 && name !== undefined) return name;
  if (enterprise === reverseEnterpriseNumber && name !== undefined)
    return `reverse${name[0]!.toUpperCase()}${name.slice(1)}`;
  return `${enterprise}/${id}`;
}

function describeMissing(waiting: Iterable<WaitingSet>): MissingTemplateDescription[] {
  const missing = new Map<string, MissingTemplateDescription>();
  for (const { templateId, records, context } of waiting) {
    const { version, observationDomainId, port, receivedMilliseconds } = context;
    const key = `${version}/${observationDomainId}/${port}/${templateId}`;
    const known = missing.get(key);
    missing.set(key, {
      id: templateId,
      protocol: protocolName(version),
      observationDomainId,
      port,
      waitingSetCount: (known?.waitingSetCount ?? 0) + 1,
      waitingBytes: (known?.waitingBytes ?? 0) + records.length,
      sinceMilliseconds: known?.sinceMilliseconds ?? receivedMilliseconds,
    });
  }
  return [...missing.values()];
}

const kinds = Object.keys(setKinds) as SetKind[];

function describeSets({ setCounts }: ExporterState): SetCount[] {
  return [netflowV9, ipfix]
    .flatMap((version) => kinds.map((kind) => ({ version, kind, place: setCountPlace(version, kind) })))
    .map(({ version, kind, place }) => ({
      version,
      kind,
      setCount: setCounts[place]!,
      recordCount: setCounts[place + 1]!,
    }))
    .filter(({ setCount }) => setCount > 0);
}
