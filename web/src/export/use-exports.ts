import type { RefObject } from "react";
import { copyText } from "../copy-text.ts";
import { apiUrl } from "../data/api.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import type { MapClient } from "../map/map-client.ts";
import { timeParams } from "../time/time-range.ts";
import type { View } from "../view.ts";
import type { ExportChoice } from "./export-menu.tsx";
import { linksCsv } from "./links-csv.ts";
import { fileName, saveFile } from "./save-file.ts";

const addressLabel = "Copy the address of this view";

/** What this view can be taken away as. */
export function useExports(
  store: TopologyStore,
  view: View,
  map: RefObject<MapClient | undefined>,
): readonly ExportChoice[] {
  const picture = (format: "png" | "svg"): ExportChoice => ({
    label: `Picture of the map, ${format.toUpperCase()}`,
    testId: `export-${format}`,
    run: () => void map.current?.export(format).then((file) => saveFile(file, fileName("map", format))),
  });
  const csv: ExportChoice = {
    label: "Links, CSV",
    testId: "export-csv",
    run: () => {
      const text = linksCsv(store.state.links.values(), store.state.peers);
      saveFile(new Blob([text], { type: "text/csv" }), fileName("links", "csv"));
    },
  };
  const json: ExportChoice = {
    label: "Links, JSON from the API",
    testId: "export-json",
    run: () => {
      const { filter, group, range } = view;
      const grouping = group === "peer" ? undefined : group;
      window.open(apiUrl("map", { ...timeParams(range), filter, group: grouping }), "_blank", "noopener");
    },
  };
  const address: ExportChoice = {
    label: addressLabel,
    testId: "export-address",
    run: () => void copyText(addressLabel, location.href),
  };
  return view.pane === "map" ? [picture("png"), picture("svg"), csv, json, address] : [csv, json, address];
}
