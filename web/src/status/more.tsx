import { Popover, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import { formatCount } from "../units/units.ts";
import { describeDrop } from "./drop-words.ts";

export type Look = "good" | "warning" | "problem" | "off";

export function Lamp({ look }: { look: Look }) {
  return <span className={`lamp ${look}`} aria-hidden="true" />;
}

/** A word that opens to more words, which the focus enters: Escape closes them only from within. */
export function More({ word, children, testId }: { word: ReactNode; children: ReactNode; testId?: string }) {
  return (
    <Popover position="top-start" shadow="md" width="auto" trapFocus returnFocus>
      <Popover.Target>
        <UnstyledButton className="status-more" data-testid={testId}>
          {word}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown className="status-words">{children}</Popover.Dropdown>
    </Popover>
  );
}

/** What was given up, a line for each reason. */
export function DropLines({ drops }: { drops: Readonly<Record<string, number>> }) {
  return Object.entries(drops).map(([reason, count]) => (
    <div key={reason} className="warning" title={describeDrop(reason)}>
      {formatCount(count)} {reason}
    </div>
  ));
}
