import { Chip } from "@mantine/core";
import { chips } from "./filter-chips.ts";
import { hasTerm, toggleTerm } from "./filter-text.ts";

export function ChipRow({ filter, onApply }: { filter: string; onApply: (filter: string) => void }) {
  return (
    <div className="chips">
      {chips.map(({ term, label, title }) => (
        <Chip
          key={term}
          size="xs"
          variant="outline"
          title={`${title}: ${term}`}
          checked={hasTerm(filter, term)}
          onChange={() => onApply(toggleTerm(filter, term))}
        >
          {label}
        </Chip>
      ))}
    </div>
  );
}
