import type { CannotRun } from "../observe/index.ts";

/** Whether a part of the agent runs. */
export interface PartStatus {
  readonly state: "on" | "off";
  /** Why it is off, and the one thing that would switch it on. */
  readonly reason?: string;
  readonly remedy?: string;
  /** False where it is off because the settings leave it out: nothing is wrong then. */
  readonly isWanted?: false;
}

export function offBecause({ reason, remedy }: CannotRun): PartStatus {
  return { state: "off", reason, remedy };
}

/** The kernel did not take the programs: an outcome that only trying shows. */
export function refused(release: string, error: Error): CannotRun {
  return {
    reason: `the kernel ${release} did not take the agent's programs (${error.message})`,
    remedy: "boot a newer kernel; if it is 5.14 or newer, please report this line",
  };
}

/** It had started well. */
export function broken(error: Error): CannotRun {
  return {
    reason: `the kernel stopped answering the agent (${error.message})`,
    remedy: "start Portolan again; if it comes back, please report this line",
  };
}

export const notAsked = (setting: string): PartStatus => ({
  state: "off",
  reason: "it was not asked for",
  remedy: `set ${setting} to true`,
  isWanted: false,
});
