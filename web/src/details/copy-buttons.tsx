import { Button } from "@mantine/core";
import { useState } from "react";
import { copyText } from "../copy-text.ts";
import { CheckIcon, CopyIcon } from "../icons.tsx";
import type { View } from "../view.ts";
import { cliCommand } from "./cli-command.ts";

/** What is looked at, to be pasted: as a filter, or as the command that asks the same in a terminal. */
export function CopyButtons({ filter, view }: { filter: string; view: View }) {
  return (
    <>
      <CopyButton label="Copy filter" text={filter} />
      <CopyButton label="Copy command" text={cliCommand(filter, view.range, location)} />
    </>
  );
}

function CopyButton({ label, text }: { label: string; text: string }) {
  const [isCopied, setIsCopied] = useState(false);
  const copy = async () => {
    await copyText(label, text);
    setIsCopied(true);
    setTimeout(() => setIsCopied(false), 1500);
  };
  return (
    <Button
      size="xs"
      variant="default"
      title={text.slice(0, 400)}
      data-copies={text}
      leftSection={isCopied ? <CheckIcon /> : <CopyIcon />}
      onClick={() => void copy()}
    >
      {label}
    </Button>
  );
}
