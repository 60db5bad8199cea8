import { Chip } from "@mantine/core";
import type { View } from "../view.ts";
import { chips, heaviestTerm } from "./filter-chips.ts";
import { hasTerm, toggleTerm } from "./filter-text.ts";

/** Filters one click away; each is a term of the filter, so that it can be seen, changed and sent to somebody. */
export function QuickFilters({ view, onChange }: { view: View; onChange: (change: Partial<View>) => void }) {
  const { filter } = view;
  const apply = (next: string) => onChange({ filter: next });
  return (
    <div className="chips">
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
      <Chip
        size="xs"
        variant="outline"
        title={`Only links that carried much: ${heaviestTerm}`}
        checked={hasTerm(filter, heaviestTerm)}
        onChange={() => apply(toggleTerm(filter, heaviestTerm))}
      >
        heavy
      </Chip>
    </div>
  );
}
