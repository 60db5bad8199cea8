import { Button, Popover } from "@mantine/core";
import { useState } from "react";
import { CompareIcon } from "../icons.tsx";
import { type CompareWith, compareLabels, compareSpans } from "./time-range.ts";

/** With what window the shown one is compared, if with any. */
export function CompareMenu({
  compare,
  onChange,
}: {
  compare: CompareWith | undefined;
  onChange: (compare: CompareWith | undefined) => void;
}) {
  const [isOpen, setIsOpen] = useState(false);
  const choose = (next: CompareWith | undefined) => {
    setIsOpen(false);
    onChange(next);
  };
  const words = compare === undefined ? "Compare" : `With ${compareLabels[compare]}`;
  return (
    <Popover opened={isOpen} onChange={setIsOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant={compare === undefined ? "default" : "light"}
          data-testid="compare"
          className="compare-button"
          aria-label={words}
          leftSection={<CompareIcon />}
          onClick={() => setIsOpen(!isOpen)}
        >
          <span className="wide-only">{words}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="time-choices">
          <p className="menu-words">What is new, gone, grown or shrunk against</p>
          {compareSpans.map((one) => (
            <Button
              key={one}
              justify="start"
              data-testid={`compare-${one}`}
              variant={compare === one ? "light" : "subtle"}
              onClick={() => choose(one)}
            >
              {compareLabels[one].replace(/^./, (letter) => letter.toUpperCase())}
            </Button>
          ))}
          {compare !== undefined && (
            <Button justify="start" variant="subtle" onClick={() => choose(undefined)}>
              Do not compare
            </Button>
          )}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
