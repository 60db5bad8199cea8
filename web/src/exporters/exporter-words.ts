import type { ExporterBrief, Health, Loss, Sampling } from "../data/answers.ts";
import { formatCount, formatDuration } from "../units/units.ts";

/** An exporter's figures in few words. */
export const healthWords: Readonly<Record<Health, string>> = {
  ok: "Good",
  warning: "Warning",
  problem: "Problem",
};

const protocolNames: Readonly<Record<string, string>> = {
  netflow5: "NetFlow v5",
  netflow9: "NetFlow v9",
  ipfix: "IPFIX",
  sflow5: "sFlow v5",
};

export function protocolName(protocol: string): string {
  return protocolNames[protocol] ?? protocol;
}

export function protocolText({ protocols }: Pick<ExporterBrief, "protocols">): string {
  return protocols.map(protocolName).join(", ") || "–";
}

/** Per second: slow exporters have rates below 1. */
export function perSecond(rate: number): string {
  return `${rate > 0 && rate < 9.95 ? rate.toFixed(1) : formatCount(rate)}/s`;
}

const originWords: Readonly<Record<Sampling["origin"], string>> = {
  record: "each record",
  sampler: "its sampler",
  options: "options",
  header: "header",
  unknown: "",
};

/** `1:1000, options`; 1:1 is that every packet is counted. */
export function samplingText({ interval, origin }: Sampling): string {
  if (interval === 0) return "unknown";
  const from = originWords[origin];
  return from === "" ? `1:${interval}` : `1:${interval}, ${from}`;
}

export function percentText(percent: number | null): string {
  if (percent === null) return "–";
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "<0.01 %";
  return `${percent < 9.95 ? percent.toFixed(percent < 0.995 ? 2 : 1) : percent.toFixed(0)} %`;
}

/** What was lost in the last minute, else since the start, which is said. */
export function lossText({ percent, recentPercent, lost }: Loss): string {
  if (recentPercent !== null && recentPercent > 0) return percentText(recentPercent);
  return lost === 0 ? percentText(percent) : `was ${percentText(percent)}`;
}

/** `+4.2 s`: ahead of ours. Whole seconds are all that NetFlow tells. */
export function clockText(skew: number | null): string {
  if (skew === null) return "–";
  const size = Math.abs(skew);
  if (size < 1000) return "±1 s";
  const text = size < 9950 ? `${(size / 1000).toFixed(1)} s` : formatDuration(size);
  return `${skew > 0 ? "+" : "−"}${text}`;
}

export function agoText(moment: number, now: number): string {
  return now - moment < 1500 ? "now" : `${formatDuration(now - moment)} ago`;
}

/** `1 exporter needs attention`; empty when none does. */
export function attentionText(problems: number): string {
  if (problems === 0) return "";
  return problems === 1 ? "1 exporter needs attention" : `${formatCount(problems)} exporters need attention`;
}

/** A remedy's lines, each cut into plain words and `commands`. */
export function remedyLines(remedy: string): { readonly text: string; readonly isCommand: boolean }[][] {
  return remedy.split("\n").map((line) =>
    line
      .split("`")
      .map((text, i) => ({ text, isCommand: i % 2 === 1 }))
      .filter(({ text }) => text !== ""),
  );
}
