import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { PeerHistory, ServedPort } from "../data/answers.ts";
import { fetchTop } from "../data/api.ts";
import { type TimeRange, timeParams } from "../time/time-range.ts";
import { formatBytes, formatCount, formatTime } from "../units/units.ts";
import { portName } from "./describe.ts";
import { Bar, Section } from "./panel.tsx";
import { type Remembered, useRememberedLink, useRememberedPeer } from "./use-remembered.ts";

/** What is kept of a peer beyond what the map shows now: since when it is known, under which names, what it serves. */
export function PeerMemory({ id, range }: { id: string; range: TimeRange }) {
  const remembered = useRememberedPeer(id, range);
  const { history } = remembered;
  return (
    <>
      <MemorySection remembered={remembered}>
        {history !== undefined && <KnownAs history={history} />}
      </MemorySection>
      {history !== undefined && <ServedPorts ports={history.ports} />}
    </>
  );
}

export function LinkMemory({ id, range }: { id: string; range: TimeRange }) {
  return <MemorySection remembered={useRememberedLink(id, range)} />;
}

/** Minutes are what is stored: seconds would be more than is known. */
const minuteText = (moment: number) => formatTime(moment).slice(0, 16);

interface Stored {
  readonly firstSeen: number | null;
  readonly lastSeen: number | null;
}

function MemorySection({
  remembered: { history, reason },
  children,
}: {
  remembered: Remembered<Stored>;
  children?: ReactNode;
}) {
  return (
    <Section title="Remembered">
      <div data-testid="memory" data-known={typeof history?.firstSeen === "number"}>
        {history !== undefined && <SeenFrom history={history} />}
        {reason !== undefined && <p className="faint">{reason}</p>}
        {children}
      </div>
    </Section>
  );
}

function SeenFrom({ history: { firstSeen, lastSeen } }: { history: Stored }) {
  if (firstSeen === null || lastSeen === null)
    return <p className="faint">Nothing is stored of it yet: a minute is stored when it is over.</p>;
  return (
    <ul className="known-as">
      <li>
        <span className="faint">First seen</span>
        <span className="number">{minuteText(firstSeen)}</span>
      </li>
      <li>
        <span className="faint">Last stored</span>
        <span className="number">{minuteText(lastSeen)}</span>
      </li>
    </ul>
  );
}

const listedMax = 12;

/** Names and addresses that it had, where there is more than the one that the heading says. */
function KnownAs({ history: { peer, names, addresses, addressesLeftOut } }: { history: PeerHistory }) {
  const others = names.filter(({ name }) => name !== "" && name !== peer.name);
  return (
    <>
      {others.length > 0 && (
        <ul className="known-as" aria-label="Known as">
          {others.slice(0, listedMax).map(({ name, since }) => (
            <li key={`${name} ${since}`}>
              <span title={name}>{name}</span>
              <span className="faint number">since {minuteText(since)}</span>
            </li>
          ))}
        </ul>
      )}
      {addresses.length > 1 && (
        <ul className="known-as" aria-label="Addresses it had">
          {addresses.slice(0, listedMax).map(({ address, name, firstSeen, lastSeen }) => (
            <li key={address} title={name}>
              <span>{address}</span>
              <span className="faint number">
                {minuteText(firstSeen)} to {minuteText(lastSeen)}
              </span>
            </li>
          ))}
        </ul>
      )}
      {addresses.length + addressesLeftOut > listedMax && (
        <p className="faint">and {formatCount(addresses.length + addressesLeftOut - listedMax)} more</p>
      )}
    </>
  );
}

/** At which ports the peers of a group serve, in the window. `term` is the filter under which the group is the server. */
export function GroupPorts({ term, range }: { term: string; range: TimeRange }) {
  const { data } = useQuery({
    queryKey: ["ports", range, term],
    queryFn: ({ signal }) =>
      fetchTop({ ...timeParams(range), filter: term, by: "port,protocol", limit: portsMax }, signal),
  });
  const ports = data?.rows.map(({ group: [port = "0", protocol = ""], ...totals }) => ({
    ...{ port: Number(port), protocol },
    ...totals,
  }));
  return ports === undefined ? null : <ServedPorts ports={ports} />;
}

const portsMax = 8;

function ServedPorts({ ports }: { ports: readonly ServedPort[] }) {
  if (ports.length === 0) return null;
  const total = ({ bytesSent, bytesReceived }: ServedPort) => bytesSent + bytesReceived;
  const heaviest = Math.max(1, ...ports.map(total));
  return (
    <Section title={ports.length === 1 ? "Serves at" : `Serves at (${ports.length})`}>
      <ul className="port-list" data-testid="serves">
        {ports.slice(0, portsMax).map((port) => (
          <li key={portName(port)}>
            <b>{portName(port)}</b>
            <span className="number">{formatBytes(total(port))}</span>
            {port.connections > 0 && (
              <span className="number faint">{formatCount(port.connections)} opened</span>
            )}
            <Bar part={total(port) / heaviest} />
          </li>
        ))}
      </ul>
    </Section>
  );
}
