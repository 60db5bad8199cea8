import { ActionIcon, Button, Popover } from "@mantine/core";
import { useState } from "react";
import { DownloadIcon } from "../icons.tsx";

export interface ExportChoice {
  readonly label: string;
  readonly testId: string;
  readonly run: () => void;
}

export interface ExportMenuProps {
  readonly choices: readonly ExportChoice[];
}

/** What can be taken away from this view as a file, or as text. */
export function ExportMenu({ choices }: ExportMenuProps) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Popover opened={isOpen} onChange={setIsOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Export"
          title="Export"
          data-testid="export"
          onClick={() => setIsOpen(!isOpen)}
        >
          <DownloadIcon />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="time-choices">
          {choices.map(({ label, testId, run }) => (
            <Button
              key={testId}
              justify="start"
              variant="subtle"
              data-testid={testId}
              onClick={() => {
                setIsOpen(false);
                run();
              }}
            >
              {label}
            </Button>
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
