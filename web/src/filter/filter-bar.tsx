import { CloseButton, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { TopologyStore } from "../data/topology-store.ts";
import { SearchIcon } from "../icons.tsx";
import { type Completion, completions } from "./completion.ts";
import { CompletionList, completionId, completionListId } from "./completion-list.tsx";
import { examples } from "./filter-chips.ts";
import { endsInField, type FilterMistake, filterMistake } from "./filter-text.ts";
import { useAskedValues } from "./use-asked-values.ts";
import "./filter.css";

export interface FilterBarProps {
  /** Of whose values completion knows. */
  readonly store: TopologyStore;
  readonly filter: string;
  /** What the server has against the applied filter. */
  readonly refused: FilterMistake | undefined;
  readonly onApply: (filter: string) => void;
}

const pauseMilliseconds = 600;

/** A filter is applied by Enter or after a short pause, and only when it has no mistake; not while a field's name is being typed. */
export function FilterBar({ store, filter, refused, onApply }: FilterBarProps) {
  const [text, setText] = useState(filter);
  const [mistake, setMistake] = useState<FilterMistake>();
  const [isFocused, setIsFocused] = useState(false);
  /** What is completed, or undefined when nothing is to be offered. */
  const [typed, setTyped] = useState<{ readonly text: string; readonly caret: number }>();
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const asked = useAskedValues(isFocused ? typed : undefined);
  const found = useMemo(
    () => (typed === undefined ? [] : completions(typed.text, typed.caret, store.state, asked)),
    [typed, asked, store],
  );

  const apply = (next: string) => {
    applyLater.cancel();
    const found = filterMistake(next);
    setMistake(found);
    if (found === undefined && next.trim() !== filter) onApply(next.trim());
  };
  const applyLater = useDebouncedCallback((next: string) => apply(next), pauseMilliseconds);
  const forget = useRef(applyLater.cancel);
  forget.current = applyLater.cancel;
  const written = useRef(text);
  written.current = text;

  // Chips, details and the back button change the filter from outside; what was typed before must not come back then.
  useEffect(() => {
    forget.current();
    setMistake(filterMistake(filter));
    // What was applied is what was typed here: the writing goes on, and what is offered stays.
    if (written.current.trim() === filter) return;
    setText(filter);
    setTyped(undefined);
  }, [filter]);
  const complete = (next: string, caret: number) => {
    setTyped({ text: next, caret });
    setChosen(-1);
  };
  const take = (completion: Completion) => {
    // React writes the text at once, which puts the caret at its end: a letter that is typed before the next frame
    // finds it in its place.
    flushSync(() => {
      change(completion.text);
      complete(completion.text, completion.caret);
    });
    input.current?.setSelectionRange(completion.caret, completion.caret);
  };
  const change = (next: string) => {
    setText(next);
    if (filterMistake(next) === undefined) setMistake(undefined);
    // Enter applies it all the same.
    if (endsInField(next)) applyLater.cancel();
    else applyLater(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Commands are reached from here too.
    if (event.ctrlKey || event.metaKey) return;
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const offered = found[chosen] ?? (event.key === "Tab" && !event.shiftKey ? found[0] : undefined);
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      setChosen((chosen + step + found.length + (chosen < 0 && step < 0 ? 1 : 0)) % found.length);
    } else if (offered !== undefined && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      take(offered);
    } else if (event.key === "Enter") {
      setTyped(undefined);
      apply(text);
    } else if (event.key === "Escape") {
      if (found.length > 0) setTyped(undefined);
      else input.current?.blur();
    }
  };
  const shown = mistake ?? (text === filter ? refused : undefined);

  return (
    <search
      className="filter"
      onFocus={() => setIsFocused(true)}
      // From the input to an example and back it stays: what is offered is for the keyboard, too.
      onBlur={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget)) setIsFocused(false);
      }}
    >
      <TextInput
        ref={input}
        id="filter"
        data-testid="filter"
        type="text"
        spellCheck={false}
        autoComplete="off"
        aria-label="Filter"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={isFocused && found.length > 0}
        aria-controls={completionListId}
        aria-activedescendant={found[chosen] === undefined ? undefined : completionId(chosen)}
        aria-invalid={shown !== undefined}
        aria-describedby={shown === undefined ? undefined : "filter-mistake"}
        placeholder="Filter: nginx, port:443, server.network:internet …"
        leftSection={<SearchIcon />}
        rightSection={
          text !== "" && <CloseButton size="sm" aria-label="Clear the filter" onClick={() => clear()} />
        }
        error={shown !== undefined}
        value={text}
        onChange={(event) => {
          const { value, selectionStart } = event.currentTarget;
          change(value);
          complete(value, selectionStart ?? value.length);
        }}
        onKeyDown={onKeyDown}
      />
      {shown !== undefined && <Mistake text={text} mistake={shown} />}
      {isFocused && found.length > 0 && <CompletionList found={found} chosen={chosen} onPick={take} />}
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
    input.current?.focus();
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
              onKeyDown={(event) => {
                if (event.ctrlKey || event.metaKey) return;
                event.stopPropagation(); // as the input's, these keys are not the page's
                if (event.key === "Escape") event.currentTarget.blur();
              }}
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
