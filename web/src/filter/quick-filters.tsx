import { Chip, NativeSelect } from "@mantine/core";
import { heaviests, type Only, onlys, type View } from "../view.ts";
import { chips, onlyChips } from "./filter-chips.ts";
import { hasTerm, toggleTerm } from "./filter-text.ts";

/** Filters one click away; each is a term of the filter, so that it can be seen, changed and sent to somebody. */
export function QuickFilters({ view, onChange }: { view: View; onChange: (change: Partial<View>) => void }) {
  const { filter, only, heaviest, pane } = view;
  // The others ask the server themselves, for what these can not be said in.
  const isOfLinks = pane === "map" || pane === "links" || pane === "matrix" || pane === "geo";
  const toggle = (one: Only) =>
    onChange({ only: onlys.filter((value) => only.includes(value) !== (value === one)) });
  const apply = (next: string) => onChange({ filter: next });
  return (
    <div className="chips">
      {isOfLinks &&
        onlyChips.map(({ one, label, title, isFor }) => (
          <Chip
            key={one}
            size="xs"
            variant="outline"
            title={title}
            disabled={!isFor(view)}
            checked={only.includes(one)}
            onChange={() => toggle(one)}
          >
            {label}
          </Chip>
        ))}
      {isOfLinks && (
        <NativeSelect
          className="heaviest-select"
          size="xs"
          aria-label="How many links"
          title="Only the heaviest links, by their bytes"
          data-testid="heaviest"
          value={heaviest ?? ""}
          onChange={({ currentTarget: { value } }) =>
            onChange({ heaviest: heaviests.find((count) => String(count) === value) })
          }
          data={[
            { value: "", label: "all links" },
            ...heaviests.map((count) => ({ value: String(count), label: `top ${count}` })),
          ]}
        />
      )}
      {chips.map(({ term, label, title }) => (
        <Chip
          key={term}
          size="xs"
          variant="outline"
          title={`${title}: ${term}`}
          checked={hasTerm(filter, term)}
          onChange={() => apply(toggleTerm(filter, term))}
        >
          {label}
        </Chip>
      ))}
    </div>
  );
}
