import { ActionIcon, SegmentedControl, useMantineColorScheme } from "@mantine/core";
import type { Feed } from "./data/use-topology.ts";
import { ChipRow } from "./filter/chip-row.tsx";
import { FilterBar } from "./filter/filter-bar.tsx";
import { GroupSelect } from "./filter/group-select.tsx";
import { Compass, MoonIcon, SunIcon } from "./icons.tsx";
import type { ThemeName } from "./map/palette.ts";
import { TimeMenu } from "./time/time-menu.tsx";
import type { Pane, View } from "./view.ts";

export interface HeaderProps {
  readonly view: View;
  readonly theme: ThemeName;
  readonly feed: Feed;
  readonly onChange: (change: Partial<View>) => void;
}

const paneLabels: { value: Pane; label: string }[] = [
  { value: "map", label: "Map" },
  { value: "links", label: "Table" },
  { value: "flows", label: "Flows" },
  { value: "exporters", label: "Exporters" },
];

export function Header({ view, theme, feed, onChange }: HeaderProps) {
  return (
    <header className="header">
      <a className="brand" href="." aria-label="Portolan, start over">
        <Compass />
        <span>Portolan</span>
      </a>
      <SegmentedControl
        size="xs"
        aria-label="What to show"
        data-testid="pane"
        value={view.pane}
        onChange={(pane) => onChange({ pane: pane as Pane })}
        data={paneLabels}
      />
      {view.pane === "exporters" ? (
        <span className="header-gap" />
      ) : (
        <Question {...{ view, feed, onChange }} />
      )}
      <ThemeButton theme={theme} />
    </header>
  );
}

/** What is asked: exporters are shown as they are now, whatever the question. */
function Question({ view, feed, onChange }: Omit<HeaderProps, "theme">) {
  return (
    <>
      <FilterBar filter={view.filter} refused={refusal(feed)} onApply={(filter) => onChange({ filter })} />
      <ChipRow filter={view.filter} onApply={(filter) => onChange({ filter })} />
      <GroupSelect group={view.group} onChange={(group) => onChange({ group })} />
      <TimeMenu range={view.range} onChange={(range) => onChange({ range })} />
    </>
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
