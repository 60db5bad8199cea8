import type { ExporterStatus } from "../exporter-status.ts";
import type { Check } from "./finding.ts";
import { recogniseDevice, remedies } from "./remedies.ts";
import { count, ordered } from "./words.ts";

const checkSamplingUnknown: Check = (status) => {
  const { sampling, recordCount, protocols } = status;
  const canSay = protocols.includes("netflow9") || protocols.includes("ipfix");
  if (sampling.origin !== "unknown" || recordCount === 0 || !canSay) return undefined;
  return {
    code: "sampling_unknown",
    severity: "hint",
    title: "Sampling is not said",
    detail: `None of its ${count(recordCount, "record")} says whether only some packets are counted. Figures are shown as exported.`,
    remedy: remedies.samplingUnknown(recogniseDevice(status)),
  };
};

const originWords: Readonly<Record<ExporterStatus["sampling"]["origin"], string>> = {
  record: "each record says so",
  sampler: "its records name a sampler, whose rate options data tell",
  options: "its options data say so",
  header: "the header of its datagrams says so",
  unknown: "it is not said where from",
};

const checkSampled: Check = (status) => {
  const { interval, origin } = status.sampling;
  if (interval <= 1) return undefined;
  return {
    code: "sampled",
    severity: "hint",
    title: `Counts one packet in ${count(interval)}`,
    detail:
      `Sampling is 1:${count(interval)}, ${originWords[origin]}. Bytes and packets are multiplied by it: right for heavy ` +
      `flows, rough for light ones, and flows of less than about ${count(interval)} packets may be missing.`,
    remedy: remedies.sampled(recogniseDevice(status)),
  };
};

const checkSamplers: Check = (status) => {
  const { samplers } = status.sampling;
  const rates = [...new Set(samplers.map(({ interval }) => interval))].sort((a, b) => a - b);
  if (rates.length < 2) return undefined;
  const isNamed = status.templates.some(
    ({ isOptions, fields }) =>
      !isOptions && fields.some(({ name }) => name === "samplerId" || name === "selectorId"),
  );
  const list = samplers.map(({ id, interval }) => `${id} 1:${count(interval)}`);
  return {
    code: isNamed ? "several_samplers" : "samplers_ambiguous",
    severity: isNamed ? "hint" : "warning",
    title: isNamed ? "Several samplers" : "Which sampler a record is of is not said",
    detail:
      `Options data name ${count(samplers.length, "sampler")} of different rates (${ordered(list)}). ` +
      (isNamed
        ? "Records say which one they are of."
        : "Records do not say which one they are of: totals may be off."),
    remedy: isNamed ? remedies.nothing : remedies.samplers(recogniseDevice(status)),
  };
};

/** Whether its figures are of all packets. */
export const samplingChecks: readonly Check[] = [checkSamplers, checkSampled, checkSamplingUnknown];
