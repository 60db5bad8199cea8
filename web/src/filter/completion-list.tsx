import type { Completion } from "./completion.ts";

export const completionListId = "filter-completions";
export const completionId = (index: number) => `${completionListId}-${index}`;

/** What could stand at the caret, below the filter. */
export function CompletionList({
  found,
  chosen,
  onPick,
}: {
  found: readonly Completion[];
  chosen: number;
  onPick: (completion: Completion) => void;
}) {
  return (
    <div className="filter-below completions" data-testid="completions">
      <div role="listbox" id={completionListId} aria-label="What could stand here">
        {found.map((completion, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the input has the keys
          <div
            key={completion.label}
            id={completionId(index)}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            // Pressing must not take the focus before the click arrives.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => onPick(completion)}
          >
            <code>{completion.label}</code>
            <span>{completion.hint}</span>
          </div>
        ))}
      </div>
      <p>
        <kbd>↓</kbd> chooses, <kbd>Tab</kbd> takes the first
      </p>
    </div>
  );
}
