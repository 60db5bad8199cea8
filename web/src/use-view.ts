import { useCallback, useEffect, useState } from "react";
import { formatView, parseView, type View } from "./view.ts";

const stepKeys = [
  "filter",
  "only",
  "heaviest",
  "range",
  "compare",
  "group",
  "openness",
  "pane",
  "metric",
  "by",
  "matrix",
] as const;

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
      const isStep = stepKeys.some((key) => key in changes);
      if (isStep) history.pushState(null, "", url);
      else history.replaceState(null, "", url);
      return next;
    });
  }, []);
  return [view, change];
}
