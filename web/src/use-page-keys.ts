import { useEffect, useRef } from "react";
import type { View } from "./view.ts";

/** Keys of the whole page: `/` to the filter, `t` map and table, `e` exporters and map, Escape nothing selected. */
export function usePageKeys(view: View, change: (change: Partial<View>) => void): void {
  const latest = useRef({ view, change });
  latest.current = { view, change };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { view: now, change: set } = latest.current;
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "/") {
        event.preventDefault();
        document.getElementById("filter")?.focus();
      } else if (event.key === "t") set({ pane: now.pane === "map" ? "links" : "map" });
      else if (event.key === "e") set({ pane: now.pane === "exporters" ? "map" : "exporters" });
      else if (event.key === "Escape" && now.selection !== undefined) set({ selection: undefined });
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** Buttons that are inputs to the browser, such as Map, Table and Flows, take no letters. */
function isTyping(target: EventTarget | null): boolean {
  const typing = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  return target instanceof HTMLElement && target.matches(typing);
}
