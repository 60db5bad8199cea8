import { Button } from "@mantine/core";
import type { TopologyState } from "../data/topology-state.ts";
import { type ComparedLink, mergeLinks } from "../nest/chart-link.ts";
import { type Gathered, gatherPeer } from "../nest/gather.ts";
import { nestPath } from "../nest/nest-path.ts";
import { closeGroup, openGroup } from "../nest/openness.ts";
import { countOf, formatBytes, formatCount } from "../units/units.ts";
import { CopyButtons } from "./copy-buttons.tsx";
import type { DetailsProps } from "./details.tsx";
import { gatheredTerm, groupLabels } from "./group-terms.ts";
import { LookedUpNames } from "./looked-up-names.tsx";
import { GroupPorts } from "./memory.tsx";
import { Facts, LinkList, MemberList, Panel } from "./panel.tsx";
import { SeriesSection } from "./series-section.tsx";

/** A group of the map: what is in it, and what it says to others. */
export function GroupDetails(props: DetailsProps & { gathered: Gathered; state: TopologyState }) {
  const { gathered, state, view, theme, onSelect, onFilter, onFlows, onOpenness } = props;
  const { id, name, peers } = gathered;
  const inside = new Set(peers.map((peer) => peer.id));
  const out = partners(state, inside, "client");
  const into = partners(state, inside, "server");
  const term = gatheredTerm(gathered);
  const failed = [...out, ...into].reduce((sum, link) => sum + link.failed, 0);
  const total = (links: readonly ComparedLink[], key: "bytesSent" | "bytesReceived") =>
    links.reduce((sum, link) => sum + link[key], 0);
  const pick = (link: ComparedLink) => onSelect({ kind: "link", id: link.id });
  const shownName = (partner: string) => partnerName(state, partner);
  return (
    <Panel kind={kindOf(gathered)} title={name} onClose={() => onSelect(undefined)}>
      <div className="details-buttons">
        <Button size="xs" variant="light" onClick={() => onOpenness(openGroup(view.openness, id))}>
          Open on the map
        </Button>
        <Button size="xs" variant="default" onClick={() => onOpenness(closeGroup(view.openness, id))}>
          Close
        </Button>
        <Button size="xs" variant="default" onClick={() => onFilter(term)}>
          Only this
        </Button>
        <Button size="xs" variant="default" onClick={() => onFilter(`-(${term})`)}>
          Hide this
        </Button>
        <Button size="xs" variant="default" onClick={() => onFlows(term)}>
          Its flows
        </Button>
        <CopyButtons filter={term} view={view} />
      </div>
      <Facts
        facts={[
          { label: "Peers", text: formatCount(peers.length) },
          { label: "Out", text: formatBytes(total(out, "bytesSent") + total(into, "bytesReceived")) },
          { label: "In", text: formatBytes(total(out, "bytesReceived") + total(into, "bytesSent")) },
          { label: "Failed", text: failed === 0 ? "" : formatCount(failed), isWarning: true },
          { label: "Number", text: gathered.group?.kind === "system" ? `AS${peers[0]?.asNumber ?? ""}` : "" },
        ]}
      />
      <SeriesSection
        range={view.range}
        asClient={`${gatheredTerm(gathered, "client")} -(${gatheredTerm(gathered, "server")})`}
        asServer={`${gatheredTerm(gathered, "server")} -(${gatheredTerm(gathered, "client")})`}
        outLabel="out"
        inLabel="in"
        theme={theme}
      />
      <GroupPorts term={gatheredTerm(gathered, "server")} range={view.range} />
      <MemberList
        title={countOf(peers.length, "peer")}
        peers={peers}
        onPick={(peer) => onSelect({ kind: "peer", id: peer })}
      />
      <LookedUpNames peers={peers} term={term} range={view.range} onFilter={onFilter} />
      <LinkList
        title="Calls"
        links={ofGroup(state, id, out, "server")}
        nameOf={({ server }) => shownName(server)}
        onPick={pick}
      />
      <LinkList
        title="Called by"
        links={ofGroup(state, id, into, "client")}
        nameOf={({ client }) => shownName(client)}
        onPick={pick}
      />
    </Panel>
  );
}

/** Links across the group's border, of which it has this end. */
function partners(
  state: TopologyState,
  inside: ReadonlySet<string>,
  end: "client" | "server",
): ComparedLink[] {
  const other = end === "client" ? "server" : "client";
  return [...state.links.values()].filter((link) => inside.has(link[end]) && !inside.has(link[other]));
}

/** One link per workload, country or system on the other side, or per peer that is in none. */
function ofGroup(
  state: TopologyState,
  id: string,
  links: readonly ComparedLink[],
  other: "client" | "server",
): ComparedLink[] {
  const members = Map.groupBy(links, (link) => partnerOf(state, link[other]));
  return [...members].map(([partner, some]) =>
    other === "server"
      ? mergeLinks(`${id}>${partner}`, id, partner, some)
      : mergeLinks(`${partner}>${id}`, partner, id, some),
  );
}

/** Of a workload what it is in Kubernetes: Deployment, CronJob, a kind of somebody's own. */
function kindOf({ group, peers }: Gathered): string {
  const workloadKind = group?.kind === "workload" ? peers[0]?.workloadKind : undefined;
  return workloadKind || groupLabels[group!.kind];
}

function partnerOf({ peers }: TopologyState, id: string): string {
  const peer = peers.get(id);
  const innermost = peer && nestPath(peer).at(-1);
  return innermost === undefined || innermost.kind === "network" || innermost.kind === "node"
    ? id
    : innermost.id;
}

function partnerName(state: TopologyState, id: string): string {
  const found = gatherPeer(state, id);
  if (found === undefined) return id;
  const path = nestPath(found.peers[0]!);
  const around =
    path[path.findIndex((step) => step.id === id) - 1] ?? (found.group ? undefined : path.at(-1));
  return around === undefined || around.name === found.name ? found.name : `${found.name}, ${around.name}`;
}
