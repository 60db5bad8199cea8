import type { ReactNode } from "react";
import type { Status } from "../data/answers.ts";
import { collectorSpots, exportRecipes } from "../empty/export-hint.ts";
import { Command, PointHere } from "../empty/point-here.tsx";
import { Compass } from "../icons.tsx";

/** Nothing has been exported to here: what to set on the device, with this server's address and port. */
export function NoExporter({ status, foot }: { status: Status | undefined; foot: ReactNode }) {
  const [spot] = collectorSpots(status?.collector.listeners ?? [], status?.collector.addresses ?? []);
  return (
    <div className="no-exporter" data-testid="no-exporter">
      <div className="empty-card">
        <Compass />
        <h2>No exporter yet</h2>
        <p className="faint">
          Routers and switches that send their flows here are listed, with what is wrong and how to set it
          right.
        </p>
        {status !== undefined && <PointHere status={status} />}
        {spot !== undefined && (
          <div className="recipes">
            {exportRecipes(spot).map(({ device, text }) => (
              <details key={device}>
                <summary>{device}</summary>
                <Command text={text} />
              </details>
            ))}
          </div>
        )}
        {foot}
      </div>
    </div>
  );
}
