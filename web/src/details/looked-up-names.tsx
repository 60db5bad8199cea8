import { Button } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type MouseEvent, useState } from "react";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { LookedUpName, Lookups } from "../data/answers.ts";
import { fetchLookups } from "../data/api.ts";
import { useServerClock } from "../data/server-clock.ts";
import { filterTitle } from "../filter/filter-click.ts";
import { useAgents } from "../status/use-agents.ts";
import { type TimeRange, timeParams } from "../time/time-range.ts";
import { countOf, formatCount, formatDuration, formatTime } from "../units/units.ts";
import {
  areNamesExpected,
  latencyText,
  mayLookUp,
  nameTerm,
  nameText,
  troubleText,
  whyNoNames,
} from "./name-words.ts";
import { Section } from "./panel.tsx";

const namesMax = 200;
const shownAtFirst = 8;
const refreshMilliseconds = 10_000;

export interface LookedUpNamesProps {
  /** Of whom it is told, as far as that is known, and the filter under which they are found. */
  readonly peers: readonly TopologyPeer[];
  readonly term: string;
  readonly range: TimeRange;
  readonly onFilter: (term: string) => void;
}

/** Names that a peer, or those of a group, asked the DNS for; those that failed first. */
export function LookedUpNames({ peers, term, range, onFilter }: LookedUpNamesProps) {
  const { data } = useQuery({
    queryKey: ["lookups", range, term],
    queryFn: ({ signal }) => fetchLookups({ ...timeParams(range), filter: term, limit: namesMax }, signal),
    placeholderData: keepPreviousData,
    enabled: mayLookUp(peers),
    refetchInterval: range.kind === "between" ? false : refreshMilliseconds,
  });
  if (data === undefined || (data.names.length === 0 && !areNamesExpected(peers))) return null;
  const { names, namesLeftOut } = data;
  return (
    <Section
      title={names.length === 0 ? "Names looked up" : `Names looked up (${names.length + namesLeftOut})`}
    >
      <div data-testid="looked-up-names">
        {names.length === 0 ? (
          <NoNames peers={peers} />
        ) : (
          <NameList lookups={data} isLive={range.kind === "live"} onFilter={onFilter} />
        )}
      </div>
    </Section>
  );
}

function NoNames({ peers }: { peers: readonly TopologyPeer[] }) {
  return <p className="faint">{whyNoNames(peers, useAgents(false))}</p>;
}

interface NameListProps {
  readonly lookups: Lookups;
  readonly isLive: boolean;
  readonly onFilter: (term: string) => void;
}

function NameList({ lookups: { from, to, names, namesLeftOut }, isLive, onFilter }: NameListProps) {
  const [isAll, setIsAll] = useState(false);
  const tries = names.filter(({ searchOf }) => searchOf !== undefined).length;
  const shown = isAll ? names : names.slice(0, Math.min(shownAtFirst, names.length - tries));
  const hour = (moment: number) => formatTime(moment).slice(11, 16);
  return (
    <>
      <ul className="name-list">
        {shown.map((each) => (
          <NameItem key={each.name} of={each} isLive={isLive} onFilter={onFilter} />
        ))}
      </ul>
      <p className="faint">
        {isLive ? `Since ${hour(from)}` : `${formatTime(from).slice(0, 16)} to ${hour(to)}`}, by whole hours.
        {!isAll && tries > 0 && ` ${formatCount(tries)} more were tries of a search list.`}
        {isAll && namesLeftOut > 0 && ` And ${formatCount(namesLeftOut)} more.`}
      </p>
      {names.length > shown.length && (
        <Button size="compact-xs" variant="subtle" onClick={() => setIsAll(true)}>
          All {names.length}
        </Button>
      )}
    </>
  );
}

interface NameItemProps extends Pick<NameListProps, "isLive" | "onFilter"> {
  readonly of: LookedUpName;
}

function NameItem({ of, isLive, onFilter }: NameItemProps) {
  const term = nameTerm(of);
  const name = nameText(of);
  const trouble = troubleText(of);
  const latency = latencyText(of);
  const isTrouble = trouble !== "" && of.searchOf === undefined;
  const clock = useServerClock();
  const last = isLive
    ? `${formatDuration(clock.now() - of.lastSeen)} ago`
    : formatTime(of.lastSeen).slice(0, 16);
  const pick = ({ altKey }: MouseEvent) => onFilter(altKey ? `-(${term})` : term!);
  return (
    <li className={isTrouble ? "warning" : undefined}>
      {term === undefined ? (
        <span className="asked-name" title={name}>
          {name}
        </span>
      ) : (
        <button type="button" className="asked-name" title={`${name}. ${filterTitle}`} onClick={pick}>
          {name}
        </button>
      )}
      <span className="number">{countOf(of.queries, "question")}</span>
      <span className="asked-name-words">
        {trouble !== "" && <span className={isTrouble ? "asked-name-trouble" : undefined}>{trouble}</span>}
        {of.searchOf !== undefined && <span>search list, for {of.searchOf}</span>}
        {of.peers > 1 && <span>{countOf(of.peers, "peer")}</span>}
        {latency !== "" && <span>{latency}</span>}
        <span>last {last}</span>
      </span>
    </li>
  );
}
