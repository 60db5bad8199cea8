import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { loadAgain } from "./data/retry.ts";
import type { TopologyStore } from "./data/topology-store.ts";
import { useComparison } from "./data/use-comparison.ts";
import { useDiff } from "./data/use-diff.ts";
import { useSieve } from "./data/use-sieve.ts";
import { type Feed, useFeed, useTopologyVersion } from "./data/use-topology.ts";
import { emptyReason } from "./empty/empty-reason.ts";
import { EmptyState } from "./empty/empty-state.tsx";
import { ErrorBoundary } from "./error-boundary.tsx";
import { useExports } from "./export/use-exports.ts";
import { useExporters } from "./exporters/use-exporters.ts";
import { addTerm } from "./filter/filter-text.ts";
import { Header } from "./header.tsx";
import type { MapClient } from "./map/map-client.ts";
import { MapView } from "./map/map-view.tsx";
import { AwayBanner } from "./status/away-banner.tsx";
import { NewerBanner } from "./status/newer-banner.tsx";
import { StatusLine } from "./status/status-line.tsx";
import { useAgents } from "./status/use-agents.ts";
import { useStatus } from "./status/use-status.ts";
import { LinksTable } from "./table/links-table.tsx";
import { showFeed } from "./test-hooks.ts";
import { CompareBanner } from "./time/compare-banner.tsx";
import { PastBanner } from "./time/past-banner.tsx";
import { TimeStrip } from "./time/time-strip.tsx";
import { usePageKeys } from "./use-page-keys.ts";
import { useView } from "./use-view.ts";
import { isOfReporters, selectionOn, type View } from "./view.ts";

const CommandPalette = lazy(() => loadAgain(() => import("./palette/command-palette.tsx")));
const GeoView = lazy(() => loadAgain(() => import("./geo/geo-view.tsx")));
const MatrixView = lazy(() => loadAgain(() => import("./matrix/matrix-view.tsx")));
const SeriesView = lazy(() => loadAgain(() => import("./series/series-view.tsx")));
const TopView = lazy(() => loadAgain(() => import("./top/top-view.tsx")));
const Details = lazy(() => loadAgain(() => import("./details/details.tsx")));
const ExportersView = lazy(() => loadAgain(() => import("./exporters/exporters-view.tsx")));
const AgentsView = lazy(() => loadAgain(() => import("./agents/agents-view.tsx")));
const FlowsTable = lazy(() => loadAgain(() => import("./table/flows-table.tsx")));

export function App({ store }: { store: TopologyStore }) {
  const [view, change] = useView();
  const theme = useComputedColorScheme("dark");
  const { status, recordsPerSecond } = useStatus();
  const agents = useAgents(view.pane === "agents");
  const feed = useFeed(store, view);
  const isLive = view.range.kind === "live";
  const isOfExporters = view.pane === "exporters";
  const { exporters, isAway } = useExporters(isOfExporters);
  const selected = selectionOn(view);
  const [isPaletteOpen, setIsPaletteOpen] = useState(false);
  usePageKeys(view, change, () => setIsPaletteOpen(true), isPaletteOpen);
  useEffect(() => showFeed(feed.state.kind), [feed.state.kind]);
  const comparison = useComparison(store, view);
  useSieve(store, view);
  // Windows are told apart by everybody's links, those beyond the map's limit too; of groups the map itself tells.
  const { range, filter, group, compare } = view;
  const diff = useDiff(
    compare === undefined || group !== "peer" ? undefined : { range, filter, compare, factor: 1_000_000 },
  );
  const map = useRef<MapClient>(undefined);
  const choices = useExports(store, view, map);
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const select = (selection: View["selection"]) => change({ selection });

  // A picture can be moved away from below them; a table's head would be covered.
  const isOverPicture = view.pane === "map" || view.pane === "geo";
  const banner = useElementSize();
  const banners = (
    <div className={isOverPicture ? "banners over" : "banners"} ref={banner.ref}>
      <NewerBanner />
      {!isLive && !isOfReporters(view.pane) && (
        <PastBanner
          range={view.range}
          at={feed.state.kind === "shown" ? feed.state.at : undefined}
          onReload={feed.reload}
          onLive={() => change({ range: { kind: "live" } })}
        />
      )}
      {view.compare !== undefined && isOfTopology(view.pane) && (
        <CompareBanner
          compare={view.compare}
          state={comparison}
          diff={diff}
          onStop={() => change({ compare: undefined })}
        />
      )}
      <AwayBanner state={feed.state} onReload={feed.reload} />
    </div>
  );

  return (
    <div className="page">
      <Header
        view={view}
        theme={theme}
        feed={feed}
        store={store}
        onChange={change}
        onPalette={() => setIsPaletteOpen(true)}
        exporting={{ choices }}
        status={status}
      />
      {!isOverPicture && banners}
      <main className="main">
        <MapView
          store={store}
          theme={theme}
          centre={status?.node ?? ""}
          isLive={isLive}
          isFresh={!isLive || feed.state.kind === "open"}
          isVisible={view.pane === "map"}
          selection={selected.ofMap}
          onSelect={select}
          openness={view.openness}
          onOpenness={(openness) => change({ openness })}
          isCompared={view.compare !== undefined}
          coveredTop={isOverPicture ? banner.height : 0}
          onMap={(client) => {
            map.current = client;
          }}
        />
        {view.pane === "links" && (
          <LinksTable
            store={store}
            isLive={isLive}
            isCompared={view.compare !== undefined}
            filter={view.filter}
            onFilter={(next) => change({ filter: next })}
            selection={selected.ofMap}
            onSelect={select}
          />
        )}
        <ErrorBoundary key={view.pane}>
          <Suspense>
            {view.pane === "matrix" && (
              <MatrixView
                store={store}
                view={view}
                selection={selected.ofMap}
                onSelect={select}
                onChange={change}
              />
            )}
            {view.pane === "geo" && <GeoView store={store} selection={selected.ofMap} onSelect={select} />}
            {view.pane === "series" && <SeriesView view={view} theme={theme} onChange={change} />}
            {view.pane === "top" && <TopView view={view} onChange={change} />}
            {view.pane === "flows" && (
              <FlowsTable
                range={view.range}
                filter={view.filter}
                onFilter={(next) => change({ filter: next })}
              />
            )}
            {isOfExporters && (
              <ExportersView
                exporters={exporters}
                isAway={isAway}
                status={status}
                selection={selected.ofExporters}
                onSelect={select}
                onShow={(pane, filter) => change({ pane, filter })}
              />
            )}
            {view.pane === "agents" && <AgentsView agents={agents} status={status} />}
            {selected.ofMap !== undefined && (
              <Details
                store={store}
                view={view}
                theme={theme}
                selection={selected.ofMap}
                onSelect={select}
                onExporter={(id) => change({ pane: "exporters", selection: { kind: "exporter", id } })}
                onFilter={(term) => change({ filter: addTerm(view.filter, term) })}
                onFlows={(term) => change({ filter: addTerm(view.filter, term), pane: "flows" })}
                onOpenness={(openness) => change({ openness, pane: "map" })}
              />
            )}
          </Suspense>
        </ErrorBoundary>
        {!isOfReporters(view.pane) && (
          <Emptiness store={store} view={view} feed={feed} change={change} status={status} agents={agents} />
        )}
        {isOverPicture && banners}
      </main>
      {!isOfReporters(view.pane) && status?.store.state !== "off" && (
        <TimeStrip
          range={view.range}
          compare={view.compare}
          filter={view.filter}
          onChange={(range) => change({ range })}
        />
      )}
      <StatusLine
        store={store}
        status={status}
        agents={agents}
        recordsPerSecond={recordsPerSecond}
        feed={feed.state}
        exportersInTrouble={exporters?.counts.problem ?? 0}
        onExporters={() => change({ pane: "exporters" })}
        onAgents={() => change({ pane: "agents" })}
        onFilter={(filter) => change({ filter, ...(isOfReporters(view.pane) ? { pane: "map" } : {}) })}
      />
      <Suspense>
        {isPaletteOpen && (
          <CommandPalette
            onClose={() => setIsPaletteOpen(false)}
            sources={{
              ...{ view, change, exports: choices, peers: store.state.peers },
              toggleTheme: () => setColorScheme(theme === "dark" ? "light" : "dark"),
            }}
          />
        )}
      </Suspense>
    </div>
  );
}

/** Views that draw the same peers and links. */
function isOfTopology(pane: View["pane"]): boolean {
  return pane === "map" || pane === "links" || pane === "matrix" || pane === "geo";
}

interface EmptinessProps {
  readonly store: TopologyStore;
  readonly view: View;
  readonly feed: Feed;
  readonly change: (change: Partial<View>) => void;
  readonly status: ReturnType<typeof useStatus>["status"];
  readonly agents: ReturnType<typeof useAgents>;
}

function Emptiness({ store, view, feed, change, status, agents }: EmptinessProps) {
  useTopologyVersion(store);
  const { filter, range } = view;
  const reason = emptyReason({
    hiddenLinks: store.hiddenLinks,
    peers: store.state.peers.size,
    filter,
    range,
    feed: feed.state.kind,
    isAnswered: feed.isAnswered,
  });
  if (reason === undefined) return null;
  // The others say themselves what they find nothing of; how anything comes here is told everywhere.
  if (!isOfTopology(view.pane) && reason !== "no_flows_yet") return null;
  return (
    <EmptyState
      reason={reason}
      status={status}
      agents={agents}
      filter={filter}
      range={range}
      onShowAll={() => change({ only: [], heaviest: undefined })}
      onClearFilter={() => change({ filter: "" })}
      onLive={() => change({ range: { kind: "live" } })}
      onWider={() => change({ range: { kind: "last", span: "24h" } })}
    />
  );
}
