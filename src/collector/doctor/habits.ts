import type { ExporterStatus } from "../exporter-status.ts";
import type { Check } from "./finding.ts";
import { recogniseDevice, remedies } from "./remedies.ts";
import { count, duration } from "./words.ts";

const minute = 60_000;
const day = 24 * 60 * minute;

/** Mean time between two datagrams; undefined before there are three. */
function usualInterval({ packetCount, firstSeenMilliseconds, lastSeenMilliseconds }: ExporterStatus) {
  return packetCount < 3 ? undefined : (lastSeenMilliseconds - firstSeenMilliseconds) / (packetCount - 1);
}

export const checkSilence: Check = (status, { nowMilliseconds }) => {
  const silence = nowMilliseconds - status.lastSeenMilliseconds;
  const usual = usualInterval(status);
  if (silence <= Math.max(2 * minute, 10 * (usual ?? minute))) return undefined;
  const isLong = silence > Math.max(10 * minute, 30 * (usual ?? minute));
  // One that has been silent for a day was taken away, as likely as not: nobody needs to be called each day.
  const isGone = silence > Math.max(day, 30 * (usual ?? minute));
  const habit = usual === undefined ? "" : ` It used to send one every ${duration(usual)} on average.`;
  return {
    code: "silent",
    severity: isLong && !isGone ? "problem" : "warning",
    title: `Nothing heard for ${duration(silence)}`,
    detail: `Its last datagram came ${duration(silence)} ago.${habit}${isGone ? " If it was taken away, it goes from the list with the next start." : ""}`,
    remedy: remedies.silent(status.address),
  };
};

const checkBursts: Check = (status) => {
  const usual = usualInterval(status);
  if (status.packetCount < 5 || usual === undefined || usual < 1.5 * minute) return undefined;
  return {
    code: "bursty",
    severity: "hint",
    title: `Sends only every ${duration(usual)}`,
    detail:
      `${count(status.packetCount, "datagram")} in ${duration(status.lastSeenMilliseconds - status.firstSeenMilliseconds)}: ` +
      "there is little traffic, or its timeouts are long. A flow is told when it ends or its active timeout is over, so the live " +
      "map hears of long flows late and all at once.",
    remedy: remedies.timeouts(recogniseDevice(status)),
  };
};

/** Times are told in whole seconds by v5 and v9, and datagrams take a while. */
const clockSkewMin = 3000;
/** A clock that says a time before this was never set. */
const clockIsSetFrom = Date.UTC(2000, 0);

const checkClock: Check = (status, { nowMilliseconds }) => {
  const skew = status.clockSkewMilliseconds;
  if (skew === undefined || Math.abs(skew) <= clockSkewMin) return undefined;
  const isSet = nowMilliseconds + skew >= clockIsSetFrom;
  const effect =
    "Map and history go by the time of arrival and are right; start and end of single flows are off by as much.";
  if (!isSet) {
    const said = new Date(Math.max(0, nowMilliseconds + skew)).toISOString().slice(0, 10);
    return {
      code: "clock_unset",
      severity: "problem",
      title: "Its clock is not set",
      detail: `Its datagrams say that it is ${said}. ${effect}`,
      remedy: remedies.clock(recogniseDevice(status)),
    };
  }
  const direction = skew > 0 ? "ahead" : "behind";
  return {
    code: "clock_skew",
    severity: Math.abs(skew) >= 10 * minute ? "problem" : "warning",
    title: `Its clock is ${duration(Math.abs(skew))} ${direction}`,
    detail: `The times in its datagrams are ${duration(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} this machine's. ${effect}`,
    remedy: remedies.clock(recogniseDevice(status)),
  };
};

const checkDirections: Check = (status, { doubledCount }) => {
  const { ingressCount, egressCount } = status.directions;
  const device = recogniseDevice(status);
  if (doubledCount > 0) {
    return {
      code: "doubled",
      severity: "hint",
      title: "Tells the same flows twice",
      detail:
        `${count(doubledCount, "record")} of ${count(status.recordCount)} tell of flows that are known already, from another interface, ` +
        "the other direction or another observer. They are kept, and counted once.",
      remedy: remedies.oneDirection(device),
    };
  }
  // softflowd writes 0 for the lower address and 1 for the other: no direction at all.
  if (ingressCount === 0 || egressCount === 0 || device === "softflowd") return undefined;
  return {
    code: "both_directions",
    severity: "hint",
    title: "Reports where flows come in and where they go out",
    detail:
      `${count(ingressCount, "record")} at ingress, ${count(egressCount)} at egress. A flow through two such interfaces is told twice; ` +
      "so far none was.",
    remedy: remedies.oneDirection(device),
  };
};

const checkEgressOnly: Check = (status) => {
  const { ingressCount, egressCount, unknownCount } = status.directions;
  if (egressCount === 0 || ingressCount > 0 || unknownCount > 0) return undefined;
  return {
    code: "egress_only",
    severity: "hint",
    title: "Reports only what goes out",
    detail: `All ${count(egressCount, "record")} are of egress: what ends at the device itself, or is dropped by it, is not told.`,
    remedy: remedies.ingress(recogniseDevice(status)),
  };
};

const checkIPv6: Check = (status) => {
  if (status.protocols.length !== 1 || status.protocols[0] !== "netflow5") return undefined;
  return {
    code: "ipv6_missing",
    severity: "hint",
    title: "Tells IPv4 only",
    detail: "NetFlow v5 has no IPv6: whatever runs over it can not be seen through this exporter.",
    remedy: remedies.version(recogniseDevice(status)),
  };
};

const checkProtocols: Check = ({ protocols }) => {
  if (protocols.length < 2) return undefined;
  return {
    code: "several_protocols",
    severity: "hint",
    title: "Speaks several protocols",
    detail: `${protocols.map(protocolName).join(", ")} came from this address. If two of them tell of the same interfaces, flows come twice.`,
    remedy: remedies.oneProtocol,
  };
};

const protocolNames: Readonly<Record<string, string>> = {
  netflow5: "NetFlow v5",
  netflow9: "NetFlow v9",
  ipfix: "IPFIX",
  sflow5: "sFlow v5",
};
const protocolName = (protocol: string) => protocolNames[protocol] ?? protocol;

/** How it sends: how often, by which clock, in which protocol, in which direction. */
export const habitChecks: readonly Check[] = [
  checkClock,
  checkDirections,
  checkEgressOnly,
  checkProtocols,
  checkIPv6,
  checkBursts,
];
