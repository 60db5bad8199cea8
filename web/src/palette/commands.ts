import type { TopologyPeer } from "../../../src/topology/topology.ts";
import { chips, onlyChips } from "../filter/filter-chips.ts";
import { toggleTerm } from "../filter/filter-text.ts";
import { paneLabels } from "../pane-labels.ts";
import { compareLabels, compareSpans, spanLabels, spans } from "../time/time-range.ts";
import { heaviests, onlys, panes, type View } from "../view.ts";

/** Something that can be done from anywhere by typing its name. */
export interface Command {
  readonly label: string;
  /** What it belongs to, shown beside it. */
  readonly kind: string;
  readonly keys?: readonly string[];
  readonly run: () => void;
}

export interface CommandSources {
  readonly view: View;
  readonly change: (change: Partial<View>) => void;
  readonly peers: ReadonlyMap<string, TopologyPeer>;
  readonly exports: readonly { readonly label: string; readonly run: () => void }[];
  readonly toggleTheme: () => void;
}

/** Beside its digit. */
const letterOfPane: Partial<Record<string, string>> = { map: "t", links: "t", exporters: "e", agents: "a" };

export function allCommands({
  view,
  change,
  exports,
  toggleTheme,
}: Omit<CommandSources, "peers">): Command[] {
  return [
    ...panes.map((pane, index) => ({
      ...{ label: paneLabels[pane], kind: "view", run: () => change({ pane }) },
      keys: [String(index + 1), letterOfPane[pane] ?? ""].filter(Boolean),
    })),
    { label: "Live", kind: "time", run: () => change({ range: { kind: "live" } }) },
    ...spans.map((span) => ({
      ...{ label: spanLabels[span], kind: "time" },
      run: () => change({ range: { kind: "last", span } }),
    })),
    ...compareSpans.map((compare) => ({
      ...{ label: `Compare with ${compareLabels[compare]}`, kind: "time" },
      run: () => change({ compare }),
    })),
    { label: "Do not compare", kind: "time", run: () => change({ compare: undefined }) },
    ...chips.map(({ term, title }) => ({
      ...{ label: title, kind: "filter" },
      run: () => change({ filter: toggleTerm(view.filter, term) }),
    })),
    ...onlyChips.map(({ one, title }) => ({
      ...{ label: title, kind: "filter" },
      run: () => change({ only: onlys.filter((value) => view.only.includes(value) !== (value === one)) }),
    })),
    ...heaviests.map((heaviest) => ({
      ...{ label: `Only the ${heaviest} heaviest links`, kind: "filter" },
      run: () => change({ heaviest }),
    })),
    {
      label: "Show all links",
      kind: "filter",
      run: () => change({ filter: "", only: [], heaviest: undefined }),
    },
    { label: "Clear the filter", kind: "filter", run: () => change({ filter: "" }) },
    {
      label: "Edit the filter",
      kind: "filter",
      keys: ["/"],
      run: () => document.getElementById("filter")?.focus(),
    },
    ...(
      [
        ["Open all groups", "open"],
        ["Close all groups", "closed"],
        ["Open what can be read", "auto"],
      ] as const
    ).map(([label, detail]) => ({
      ...{ label, kind: "map" },
      run: () => change({ pane: "map", openness: { detail, opened: [], closed: [] } }),
    })),
    ...exports.map(({ label, run }) => ({ label, kind: "export", run })),
    { label: "Switch between dark and light", kind: "page", run: toggleTheme },
  ];
}

const foundMax = 14;

/** Those with all typed words in their name, whose start is best; behind them peers by name. */
export function findCommands(text: string, commands: readonly Command[], sources: CommandSources): Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (name: string) => words.every((word) => name.includes(word));
  const found = commands.filter(({ label, kind }) => matches(`${label} ${kind}`.toLowerCase()));
  found.sort((a, b) => Number(startsWith(b.label, words)) - Number(startsWith(a.label, words)));
  if (words.length === 0) return found.slice(0, foundMax);
  const peers: Command[] = [];
  for (const { id, name, group } of sources.peers.values()) {
    if (peers.length >= foundMax) break;
    if (!matches(`${name} ${group}`.toLowerCase())) continue;
    const pane = sources.view.pane === "links" ? "links" : "map";
    peers.push({
      label: name || id,
      kind: group,
      run: () => sources.change({ pane, selection: { kind: "peer", id } }),
    });
  }
  return [...found.slice(0, foundMax - Math.min(5, peers.length)), ...peers].slice(0, foundMax);
}

function startsWith(label: string, [first = ""]: readonly string[]): boolean {
  return label.toLowerCase().startsWith(first);
}
