import { useCallback, useEffect, useState } from "react";
import { formatView, parseView, type View } from "./view.ts";

/** The view, kept in the address bar. Steps a person would want back with "back" make a history entry. */
export function useView(): [View, (change: Partial<View>) => void] {
  const [view, setView] = useState(() => parseView(location.search));

  useEffect(() => {
    const onBack = () => setView(parseView(location.search));
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, []);

  const change = useCallback((changes: Partial<View>) => {
    setView((before) => {
      const next = { ...before, ...changes };
      const url = location.pathname + formatView(next);
      if (url === location.pathname + location.search) return next;
      const isStep = "filter" in changes || "range" in changes || "group" in changes || "pane" in changes;
      if (isStep) history.pushState(null, "", url);
      else history.replaceState(null, "", url);
      return next;
    });
  }, []);
  return [view, change];
}
