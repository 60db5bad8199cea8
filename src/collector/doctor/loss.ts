import type { Check } from "./finding.ts";
import { recogniseDevice, remedies } from "./remedies.ts";
import { count, duration, percent } from "./words.ts";

/** Below this share, and none in the last minute, a loss long past is not worth a word. */
const lossShareMin = 0.001;

const checkLoss: Check = (status, { kernelDropCount }) => {
  const { unit, receivedCount, lostCount, recentLostCount, recentReceivedCount } = status.loss;
  const share = lostCount / Math.max(1, receivedCount + lostCount);
  const recentShare = recentLostCount / Math.max(1, recentReceivedCount + recentLostCount);
  if (recentLostCount === 0 && share < lossShareMin) return undefined;
  const place = kernelDropCount === undefined ? "unknown" : kernelDropCount > 0 ? "here" : "before";
  const recent =
    recentLostCount === 0
      ? "none in the last minute"
      : `${percent(recentShare)} in the last minute (${count(recentLostCount)})`;
  const unitName = unit === "records" ? "record" : "datagram";
  return {
    code: { here: "loss_here", before: "loss_on_the_way", unknown: "loss" }[place],
    severity: recentShare >= 0.01 ? "problem" : "warning",
    title: recentLostCount === 0 ? `Lost ${unit} earlier` : `Loses ${percent(recentShare)} of its ${unit}`,
    detail:
      `Its numbering has gaps of ${count(lostCount, unitName)}, ${percent(share)} of all; ${recent}. ` +
      {
        here: `This machine's kernel had no room for ${count(kernelDropCount ?? 0, "datagram")} of its exporters in the last minute: at least a part was lost here.`,
        before:
          "This machine's kernel threw none away in the last minute: they were lost on the way, or the exporter itself could not send them.",
        unknown:
          "Whether here or on the way is not known: this machine does not count what its kernel throws away.",
      }[place],
    remedy: place === "here" ? remedies.lossHere : remedies.lossBefore(recogniseDevice(status)),
  };
};

const checkRestarts: Check = (status) => {
  const { restartCount } = status.loss;
  const known = status.lastSeenMilliseconds - status.firstSeenMilliseconds;
  if (restartCount < 3 * Math.max(1, known / 86_400_000)) return undefined; // a few a year are maintenance
  return {
    code: "restarts",
    severity: "warning",
    title: "Starts again and again",
    detail: `It began its numbering anew ${restartCount} times in ${duration(known)}. Each time the flows it held are lost.`,
    remedy: remedies.restarts(recogniseDevice(status)),
  };
};

/** Single late or doubled datagrams happen on any network. */
const isRare = (some: number, all: number) => some < 5 || some < all * 0.005;

const checkReordering: Check = ({ loss: { reorderedCount }, packetCount }) => {
  if (isRare(reorderedCount, packetCount)) return undefined;
  return {
    code: "reordered",
    severity: "hint",
    title: "Datagrams arrive out of order",
    detail: `${count(reorderedCount, "datagram")} of ${count(packetCount)} came after a younger one. They are read all the same, and are not counted as lost.`,
    remedy: remedies.reordered,
  };
};

const checkDuplicates: Check = ({ loss: { duplicateCount }, packetCount }) => {
  if (isRare(duplicateCount, packetCount)) return undefined;
  return {
    code: "duplicated",
    severity: "warning",
    title: "Datagrams arrive twice",
    detail: `${count(duplicateCount, "datagram")} of ${count(packetCount)} had come before: what they tell may be counted twice.`,
    remedy: remedies.duplicated,
  };
};

const checkNumbering: Check = ({ loss: { countsOwnMessage } }) =>
  countsOwnMessage
    ? {
        code: "counts_own_message",
        severity: "hint",
        title: "Numbers its messages in its own way",
        detail:
          "Its sequence numbers count the records of the message they stand in, too, as softflowd's IPFIX does. This is allowed " +
          "for: no loss is counted because of it.",
        remedy: remedies.nothing,
      }
    : undefined;

/** An sFlow agent that is asked for more samples than it can give says so in each of them. */
const checkSamplesGivenUp: Check = ({ agents }) => {
  const sources = agents.flatMap(({ sources }) => sources).filter(({ agentDropCount }) => agentDropCount > 0);
  const givenUp = sources.reduce((sum, { agentDropCount }) => sum + agentDropCount, 0);
  const taken = sources.reduce((sum, { flowSampleCount }) => sum + flowSampleCount, 0);
  if (isRare(givenUp, taken)) return undefined;
  return {
    code: "samples_given_up",
    severity: "warning",
    title: "Cannot sample as much as it is told to",
    detail:
      `By its own count it has given up ${count(givenUp, "sample")} at ${count(sources.length, "data source")}, for want of time or room: ` +
      "figures are too low by that share.",
    remedy: remedies.samplesGivenUp,
  };
};

/** What its sequence numbers tell. */
export const lossChecks: readonly Check[] = [
  checkLoss,
  checkRestarts,
  checkDuplicates,
  checkReordering,
  checkNumbering,
  checkSamplesGivenUp,
];
