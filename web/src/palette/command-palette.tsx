import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { allCommands, type CommandSources, findCommands } from "./commands.ts";
import "./palette.css";

/** Everything that can be done, by typing some of its name. */
export default function CommandPalette({
  sources,
  onClose,
}: {
  sources: CommandSources;
  onClose: () => void;
}) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useId();
  const found = findCommands(text, allCommands(sources), sources);
  const chosen = Math.min(at, found.length - 1);

  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    return () => element.close();
  }, []);

  const run = (index: number) => {
    onClose();
    // What it does may move the focus, which the closing dialog would take back.
    setTimeout(() => found[index]?.run());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      setAt((chosen + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (found[chosen] !== undefined) run(chosen);
    }
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Commands"
      data-testid="palette"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <input
        type="text"
        role="combobox"
        aria-label="Command or name"
        aria-expanded={found.length > 0}
        aria-controls={list}
        aria-activedescendant={found[chosen] === undefined ? undefined : `${list}-${chosen}`}
        placeholder="What to do, or whom to look at"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="palette-list" role="listbox" id={list} aria-label="Commands">
        {found.map(({ label, kind, keys }, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the input has the keys
          <div
            key={`${kind} ${label}`}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            onPointerMove={() => setAt(index)}
            onClick={() => run(index)}
          >
            <span className="palette-label">{label}</span>
            {keys?.map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
            <span className="faint">{kind}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="faint">Nothing is called that.</p>}
    </dialog>
  );
}
