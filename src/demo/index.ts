/**
 * The world of `portolan demo`: a small shop on three machines, played by processes in network namespaces and control groups of
 * their own, on this machine. Knows `ip`, `nft` and `tc`; does not know who watches.
 */
export { findControlGroups } from "./control-groups.ts";
export { createDemoWorld, type DemoWorld, whyNoDemoWorld } from "./demo-world.ts";
export { type Holding, holdDemo, isHolder } from "./hold.ts";
export { type PlannedLink, type PlannedPod, type PlannedWorld, planWorld } from "./plan.ts";
export { removeDemoWorld } from "./remove.ts";
export { DemoError } from "./run.ts";
export { podRanges, prefix, services } from "./world.ts";
