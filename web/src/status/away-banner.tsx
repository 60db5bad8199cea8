import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import type { FeedState } from "../data/use-topology.ts";

/** The last picture stays below; this says that it is old. */
export function AwayBanner({ state, onReload }: { state: FeedState; onReload: () => void }) {
  if (state.kind === "away") {
    return (
      <div className="banner away" role="alert" data-testid="server-away">
        <b>The server is away.</b> <span>This is the last picture. Asking again</span>{" "}
        <Countdown until={state.retryAt} />
        <Button size="compact-xs" variant="default" onClick={onReload}>
          Now
        </Button>
      </div>
    );
  }
  if (state.kind === "failed") {
    return (
      <div className="banner away" role="alert" data-testid="server-failed">
        <b>No answer.</b>{" "}
        <span>{state.problem?.detail || state.problem?.title || "The server can not be reached."}</span>
        <Button size="compact-xs" variant="default" onClick={onReload}>
          Ask again
        </Button>
      </div>
    );
  }
  return null;
}

function Countdown({ until }: { until: number }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  return <span>{seconds === 0 ? "now" : `in ${seconds} s`}</span>;
}
