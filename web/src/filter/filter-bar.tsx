import { CloseButton, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { SearchIcon } from "../icons.tsx";
import { examples } from "./filter-chips.ts";
import { type FilterMistake, filterMistake } from "./filter-text.ts";
import "./filter.css";

export interface FilterBarProps {
  readonly filter: string;
  /** What the server has against the applied filter. */
  readonly refused: FilterMistake | undefined;
  readonly onApply: (filter: string) => void;
}

const pauseMilliseconds = 600;

/** A filter is applied by Enter or after a short pause, and only when it has no mistake. */
export function FilterBar({ filter, refused, onApply }: FilterBarProps) {
  const [text, setText] = useState(filter);
  const [mistake, setMistake] = useState<FilterMistake>();
  const [isFocused, setIsFocused] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const apply = (next: string) => {
    applyLater.cancel();
    const found = filterMistake(next);
    setMistake(found);
    if (found === undefined && next.trim() !== filter) onApply(next.trim());
  };
  const applyLater = useDebouncedCallback((next: string) => apply(next), pauseMilliseconds);
  const forget = useRef(applyLater.cancel);
  forget.current = applyLater.cancel;

  // Chips, details and the back button change the filter from outside; what was typed before must not come back then.
  useEffect(() => {
    forget.current();
    setText(filter);
    setMistake(filterMistake(filter));
  }, [filter]);
  const change = (next: string) => {
    setText(next);
    if (filterMistake(next) === undefined) setMistake(undefined);
    applyLater(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") apply(text);
    if (event.key === "Escape") input.current?.blur();
    event.stopPropagation();
  };
  const shown = mistake ?? (text === filter ? refused : undefined);

  return (
    <search className="filter">
      <TextInput
        ref={input}
        id="filter"
        data-testid="filter"
        type="text"
        spellCheck={false}
        autoComplete="off"
        aria-label="Filter"
        aria-invalid={shown !== undefined}
        aria-describedby={shown === undefined ? undefined : "filter-mistake"}
        placeholder="Filter: nginx, port:443, server.network:internet …"
        leftSection={<SearchIcon />}
        rightSection={
          text !== "" && <CloseButton size="sm" aria-label="Clear the filter" onClick={() => clear()} />
        }
        error={shown !== undefined}
        value={text}
        onChange={(event) => change(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        onFocus={() => setIsFocused(true)}
        onBlur={() => setIsFocused(false)}
      />
      {shown !== undefined && <Mistake text={text} mistake={shown} />}
      {isFocused && shown === undefined && text === "" && <Examples onPick={(example) => pick(example)} />}
    </search>
  );

  function clear(): void {
    setText("");
    apply("");
    input.current?.focus();
  }

  function pick(example: string): void {
    setText(example);
    apply(example);
  }
}

function Mistake({ text, mistake: { message, position, length } }: { text: string; mistake: FilterMistake }) {
  const end = position + Math.max(1, length);
  return (
    <div className="filter-below" id="filter-mistake" role="alert" data-testid="filter-mistake">
      <code>
        {text.slice(Math.max(0, position - 40), position)}
        <mark>{text.slice(position, Math.min(end, position + 40)) || " "}</mark>
        {text.slice(end, end + 40)}
      </code>
      <div>{message}</div>
    </div>
  );
}

function Examples({ onPick }: { onPick: (filter: string) => void }) {
  return (
    <div className="filter-below" data-testid="filter-examples">
      <ul>
        {examples.map(({ filter, meaning }) => (
          <li key={filter}>
            {/* Pressing must not take the focus before the click arrives. */}
            <button
              type="button"
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => onPick(filter)}
            >
              <code>{filter}</code>
              <span>{meaning}</span>
            </button>
          </li>
        ))}
      </ul>
      <p>
        A blank means and; <code>OR</code>, <code>-</code> for not, <code>( )</code>. <code>client.</code> and{" "}
        <code>server.</code> pin one end.
      </p>
    </div>
  );
}
