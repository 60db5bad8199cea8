import { type ExporterBrief, healths } from "../data/answers.ts";
import { formatRate } from "../units/units.ts";
import {
  agoText,
  clockText,
  healthWords,
  lossText,
  perSecond,
  protocolText,
  samplingText,
} from "./exporter-words.ts";

/** What a row of the exporters table shows and is sorted by. */
export interface ExporterColumn {
  readonly key: string;
  readonly label: string;
  readonly isNumber: boolean;
  /** CSS grid width. */
  readonly width: string;
  readonly text: (exporter: ExporterBrief, now: number) => string;
  readonly order: (exporter: ExporterBrief) => string | number;
  /** The finding that is about this figure, by the start of its code: the figure is marked then. */
  readonly codes: readonly string[];
}

const column = (
  key: string,
  label: string,
  width: string,
  text: ExporterColumn["text"],
  rest: Partial<ExporterColumn> = {},
): ExporterColumn => ({
  key,
  label,
  width,
  text,
  isNumber: false,
  order: (exporter) => text(exporter, 0).toLowerCase(),
  codes: [],
  ...rest,
});

export const exporterColumns: readonly ExporterColumn[] = [
  column("health", "Health", "96px", ({ health }) => healthWords[health], {
    order: ({ health }) => healths.length - healths.indexOf(health),
  }),
  column("address", "Exporter", "minmax(128px, 0.9fr)", ({ address }) => address),
  column("finding", "What", "minmax(190px, 2fr)", findingText),
  column("protocol", "Protocol", "minmax(96px, 0.6fr)", protocolText, { codes: ["several_protocols"] }),
  column("records", "Records", "84px", ({ recordRate }) => perSecond(recordRate), {
    isNumber: true,
    order: ({ recordRate }) => recordRate,
    codes: ["no_records", "options_only"],
  }),
  column("octets", "Traffic", "92px", ({ octetRate }) => formatRate(octetRate), {
    isNumber: true,
    order: ({ octetRate }) => octetRate,
  }),
  column("loss", "Loss", "96px", ({ loss }) => lossText(loss), {
    isNumber: true,
    order: ({ loss }) => Math.max(loss.recentPercent ?? -1, (loss.percent ?? -1) / 1000),
    codes: ["loss"],
  }),
  column("sampling", "Sampling", "minmax(134px, 0.8fr)", ({ sampling }) => samplingText(sampling), {
    order: ({ sampling }) => sampling.interval,
    codes: ["samplers_ambiguous"],
  }),
  column("clock", "Clock", "72px", ({ clockSkewMs }) => clockText(clockSkewMs), {
    isNumber: true,
    order: ({ clockSkewMs }) => Math.abs(clockSkewMs ?? -1),
    codes: ["clock"],
  }),
  column("seen", "Last seen", "92px", ({ lastSeen }, now) => agoText(lastSeen, now), {
    isNumber: true,
    order: ({ lastSeen }) => -lastSeen,
    codes: ["silent"],
  }),
];

/** The worst finding, and how many more there are; hints are for the details. */
export function findingText({ findings }: Pick<ExporterBrief, "findings">): string {
  const shown = findings.filter(({ severity }) => severity !== "hint");
  const [first] = shown;
  if (first === undefined) return "";
  return shown.length === 1 ? first.title : `${first.title}, and ${shown.length - 1} more`;
}

/** Whether something is wrong with the figure in a column. */
export function isMarked({ findings }: ExporterBrief, { codes }: ExporterColumn): boolean {
  return findings.some(
    ({ code, severity }) => severity !== "hint" && codes.some((start) => code.startsWith(start)),
  );
}

export interface ExporterOrder {
  readonly key: string;
  readonly isDescending: boolean;
}

/** 10.0.0.9 stands before 10.0.0.10. */
const addressOrder = new Intl.Collator("en", { numeric: true }).compare;

/** Sorted by one column; equals by address, so that rows do not jump as figures move. */
export function sortExporters(
  exporters: readonly ExporterBrief[],
  { key, isDescending }: ExporterOrder,
): ExporterBrief[] {
  const found = exporterColumns.find((candidate) => candidate.key === key) ?? exporterColumns[0]!;
  const sign = isDescending ? -1 : 1;
  return [...exporters].sort((a, b) => {
    if (key === "address") return sign * addressOrder(a.address, b.address);
    const [left, right] = [found.order(a), found.order(b)];
    if (left !== right) return left < right ? -sign : sign;
    return addressOrder(a.address, b.address);
  });
}

/** A second click turns the order round; numbers start with the largest, health with the worst. */
export function nextExporterOrder(current: ExporterOrder, { key, isNumber }: ExporterColumn): ExporterOrder {
  if (current.key !== key) return { key, isDescending: isNumber };
  return { key, isDescending: !current.isDescending };
}
