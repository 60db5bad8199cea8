import type { LinkLook } from "./link-look.ts";
import type { ScenePeer } from "./scene.ts";

export type ThemeName = "dark" | "light";

/** Colours of the drawn chart. Blue against orange stays apart for every common kind of colour blindness. */
export interface Palette {
  readonly sea: string;
  readonly rhumb: string;
  readonly land: string;
  /** A group inside another. */
  readonly rise: string;
  readonly coast: string;
  readonly shallows: string;
  readonly heading: string;
  readonly headingFaint: string;
  readonly label: string;
  readonly labelHalo: string;
  readonly link: string;
  readonly warning: string;
  readonly looks: Readonly<Record<LinkLook, string>>;
  readonly chosen: string;
  readonly pulse: string;
  readonly plate: string;
  readonly body: string;
  readonly kinds: Readonly<Record<ScenePeer["kind"], string>>;
}

export const palettes: Readonly<Record<ThemeName, Palette>> = {
  dark: {
    sea: "#0a1420",
    rhumb: "rgba(226,180,87,0.055)",
    land: "#101f2f",
    rise: "rgba(126,166,210,0.075)",
    coast: "rgba(150,180,214,0.42)",
    shallows: "rgba(120,160,205,0.13)",
    heading: "#e2b457",
    headingFaint: "#8fa3ba",
    label: "#dbe6f2",
    labelHalo: "rgba(10,20,32,0.82)",
    link: "#4da3e8",
    warning: "#ff9040",
    looks: {
      active: "#4da3e8",
      slow: "#ecd94a",
      warning: "#ff9040",
      idle: "#56708c",
      new: "#5fe0b0",
      gone: "#b9a3c9",
      grown: "#4da3e8",
      shrunk: "#7f97b3",
      same: "#56708c",
    },
    chosen: "#fff3d1",
    pulse: "#c9e7ff",
    plate: "rgba(16,30,46,0.94)",
    body: "#152a3f",
    kinds: {
      process: "#62d6c4",
      unit: "#8fd67a",
      container: "#a6b5ff",
      pod: "#a6b5ff",
      service: "#ff9fc2",
      workload: "#a6b5ff",
      namespace: "#a6b5ff",
      host: "#d9c8a0",
      node: "#e2b457",
      network: "#d9c8a0",
      internet: "#d9c8a0",
      country: "#d9c8a0",
      system: "#d9c8a0",
      as: "#d9c8a0",
      domain: "#d9c8a0",
      more: "#8fa3ba",
      unresolved: "#d3a6e8",
      other: "#8496aa",
    },
  },
  light: {
    sea: "#f4efe3",
    rhumb: "rgba(140,98,20,0.075)",
    land: "#fffcf5",
    rise: "rgba(140,104,40,0.07)",
    coast: "rgba(122,98,48,0.5)",
    shallows: "rgba(122,98,48,0.13)",
    heading: "#7d560b",
    headingFaint: "#7b7059",
    label: "#22303c",
    labelHalo: "rgba(255,252,245,0.86)",
    link: "#2470b0",
    warning: "#cf4a06",
    looks: {
      active: "#2470b0",
      slow: "#8a6d00",
      warning: "#cf4a06",
      idle: "#a59b86",
      new: "#0b7a55",
      gone: "#7d5d92",
      grown: "#2470b0",
      shrunk: "#7d8fa0",
      same: "#a59b86",
    },
    chosen: "#0d1b2a",
    pulse: "#0b4f8a",
    plate: "rgba(255,253,248,0.96)",
    body: "#ffffff",
    kinds: {
      process: "#0b7a6b",
      unit: "#3d7a17",
      container: "#4a55c4",
      pod: "#4a55c4",
      service: "#a5336b",
      workload: "#4a55c4",
      namespace: "#4a55c4",
      host: "#84682a",
      node: "#8a5f0c",
      network: "#84682a",
      internet: "#84682a",
      country: "#84682a",
      system: "#84682a",
      as: "#84682a",
      domain: "#84682a",
      more: "#6f6653",
      unresolved: "#7b3f98",
      other: "#77716a",
    },
  },
};
