import { useEffect, useRef } from "react";
import { type Pane, panes, type View } from "./view.ts";

/** Where a digit leads: `1` to the first view, and so on. */
const digit = /^[1-9]$/;

/**
 * Keys of the whole page: Ctrl K or Cmd K for commands, `/` to the filter, `t` map and table, `e` exporters and map, `a` agents and map, digits to the views,
 * Escape nothing selected. While the palette is open, or comes, letters are its own.
 */
export function usePageKeys(
  view: View,
  change: (change: Partial<View>) => void,
  openPalette: () => void,
  isPaletteOpen: boolean,
): void {
  const latest = useRef({ view, change, openPalette, isPaletteOpen });
  latest.current = { view, change, openPalette, isPaletteOpen };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { view: now, change: set, openPalette: open } = latest.current;
      if (
        (event.ctrlKey || event.metaKey) &&
        !event.altKey &&
        !event.shiftKey &&
        event.key.toLowerCase() === "k"
      ) {
        event.preventDefault();
        open();
        return;
      }
      if (latest.current.isPaletteOpen) return;
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "/") {
        event.preventDefault();
        document.getElementById("filter")?.focus();
      } else if (event.key === "Escape" && now.selection !== undefined) set({ selection: undefined });
      else {
        const pane = paneOf(event.key, now.pane);
        if (pane !== undefined) set({ pane });
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function paneOf(key: string, now: Pane): Pane | undefined {
  if (key === "t") return now === "map" ? "links" : "map";
  if (key === "e") return now === "exporters" ? "map" : "exporters";
  if (key === "a") return now === "agents" ? "map" : "agents";
  // On the map 0 shows all.
  return digit.test(key) ? panes[Number(key) - 1] : undefined;
}

/** Buttons that are inputs to the browser, such as Map, Table and Flows, take no letters. */
function isTyping(target: EventTarget | null): boolean {
  const typing = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  return target instanceof HTMLElement && target.matches(typing);
}
