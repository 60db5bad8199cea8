import { ActionIcon, SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import type { Status } from "./data/answers.ts";
import { signOut } from "./data/session.ts";
import type { TopologyStore } from "./data/topology-store.ts";
import type { Feed } from "./data/use-topology.ts";
import { ExportMenu, type ExportMenuProps } from "./export/export-menu.tsx";
import { FilterBar } from "./filter/filter-bar.tsx";
import { GroupSelect } from "./filter/group-select.tsx";
import { QuickFilters } from "./filter/quick-filters.tsx";
import { grafanaLink } from "./grafana-link.ts";
import { ChartIcon, CommandIcon, Compass, MoonIcon, SignOutIcon, SunIcon } from "./icons.tsx";
import type { ThemeName } from "./map/palette.ts";
import { paneLabels } from "./pane-labels.ts";
import { CompareMenu } from "./time/compare-menu.tsx";
import { TimeMenu } from "./time/time-menu.tsx";
import { isOfReporters, type Pane, panes, type View } from "./view.ts";

export interface HeaderProps {
  readonly view: View;
  readonly theme: ThemeName;
  readonly feed: Feed;
  readonly store: TopologyStore;
  readonly onChange: (change: Partial<View>) => void;
  readonly onPalette: () => void;
  readonly exporting: ExportMenuProps;
  /** Undefined until the server has told. */
  readonly status: Pick<Status, "access" | "grafana"> | undefined;
}

export function Header({ view, theme, feed, store, onChange, onPalette, exporting, status }: HeaderProps) {
  const isAsked = !isOfReporters(view.pane);
  const panesShown = useRef<HTMLDivElement>(null);
  // Where not all names have room, the chosen one is seen.
  useEffect(() => {
    const chosen = panesShown.current?.querySelector(`input[value="${view.pane}"] + label`);
    chosen?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [view.pane]);
  return (
    <header className="header">
      <div className="header-row">
        <h1>
          <a className="brand" href="." aria-label="Portolan, start over">
            <Compass />
            <span>Portolan</span>
          </a>
        </h1>
        <div className="panes" ref={panesShown}>
          <SegmentedControl
            size="xs"
            aria-label="What to show"
            data-testid="pane"
            value={view.pane}
            onChange={(pane) => onChange({ pane: pane as Pane })}
            data={panes.map((value) => ({ value, label: paneLabels[value] }))}
          />
        </div>
        <span className="header-gap" />
        {isAsked && (
          <>
            {view.pane !== "flows" && (
              <CompareMenu compare={view.compare} onChange={(compare) => onChange({ compare })} />
            )}
            <TimeMenu range={view.range} onChange={(range) => onChange({ range })} />
            <ExportMenu {...exporting} />
          </>
        )}
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Commands (Ctrl K)"
          title="Commands (Ctrl K)"
          data-testid="palette-button"
          onClick={onPalette}
        >
          <CommandIcon />
        </ActionIcon>
        {status?.grafana && (
          <ActionIcon
            component="a"
            href={grafanaLink(status.grafana, view)}
            variant="default"
            size={30}
            aria-label="Dashboards in Grafana"
            title="Dashboards in Grafana"
            data-testid="grafana"
          >
            <ChartIcon />
          </ActionIcon>
        )}
        <ThemeButton theme={theme} />
        {status?.access.tokens && (
          <ActionIcon
            variant="default"
            size={30}
            aria-label={`Sign out ${status.access.name ?? ""}`.trim()}
            title={`Sign out ${status.access.name ?? ""}`.trim()}
            data-testid="sign-out"
            onClick={() => void signOut().catch(() => {})}
          >
            <SignOutIcon />
          </ActionIcon>
        )}
      </div>
      {isAsked && (
        <div className="header-row">
          <FilterBar
            store={store}
            filter={view.filter}
            refused={refusal(feed)}
            onApply={(filter) => onChange({ filter })}
          />
          <QuickFilters view={view} onChange={onChange} />
          {(view.pane === "map" || view.pane === "links") && (
            <GroupSelect group={view.group} onChange={(group) => onChange({ group })} />
          )}
        </div>
      )}
    </header>
  );
}

function refusal({ state }: Feed) {
  if (state.kind !== "refused") return undefined;
  const { detail, title, position = 0, length = 0 } = state.problem;
  return { message: detail || title, position, length };
}

function ThemeButton({ theme }: { theme: ThemeName }) {
  // Without transitions Mantine would put a style element into the page, which the security policy forbids.
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const other = theme === "dark" ? "light" : "dark";
  return (
    <ActionIcon
      variant="default"
      size={30}
      data-testid="theme"
      aria-label={`Switch to ${other}`}
      title={`Switch to ${other}`}
      onClick={() => setColorScheme(other)}
    >
      {theme === "dark" ? <SunIcon /> : <MoonIcon />}
    </ActionIcon>
  );
}
