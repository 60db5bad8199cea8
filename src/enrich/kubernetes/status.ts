import type { UnresolvedReason } from "../../topology/index.ts";
import type { ClusterAccess, NoAccess } from "./access.ts";
import type { ApiLoad } from "./api-client.ts";
import type { ResourceStatus } from "./cluster-watches.ts";
import type { OwnerProblem } from "./owners.ts";

/** `partly`: some things are denied. `away`: the API server cannot be reached, or lets nobody in; what is known stays known. */
export type KubernetesState = "off" | "starting" | "on" | "partly" | "away";

export interface StateInWords {
  readonly state: KubernetesState;
  readonly reason: string;
  readonly remedy?: string | undefined;
}

export interface KubernetesStatus extends StateInWords {
  readonly resources: readonly ResourceStatus[];
  readonly counts: Readonly<Record<string, number>>;
  readonly load: Readonly<ApiLoad>;
  /** Owners that could not be followed. */
  readonly owners: readonly OwnerProblem[];
  readonly unresolved: readonly {
    readonly code: UnresolvedReason;
    readonly reason: string;
    readonly count: number;
  }[];
}

export function describeState(
  access: ClusterAccess | NoAccess,
  resources: readonly ResourceStatus[],
  arePodsKnown: boolean,
): StateInWords {
  if ("reason" in access) {
    const { isOff, reason, remedy } = access;
    return { state: isOff ? "off" : "away", reason, ...(remedy === undefined ? {} : { remedy }) };
  }
  const { server, place } = access;
  const where = `${server} (${place})`;
  const away = resources.filter(({ state }) => state === "away");
  const denied = resources.filter(({ state }) => state === "denied");
  const names = (list: readonly ResourceStatus[]) => list.map(({ resource }) => resource).join(", ");
  if (away.length > 0) {
    const kept = arePodsKnown
      ? "what is known stays, changes are missed"
      : "pods go by their ids and addresses";
    const what = away.length === resources.length - denied.length ? "" : ` for ${names(away)}`;
    const reason = `${where} cannot be asked${what}: ${away[0]!.reason}; ${kept}; it is tried again`;
    return { state: "away", reason };
  }
  if (denied.length > 0) {
    const reason = `${where} denies ${names(denied)}: ${denied[0]!.reason}`;
    return {
      state: "partly",
      reason,
      remedy: `add to its ClusterRole: ${denied.map(({ rule }) => rule).join(" ")}`,
    };
  }
  const isStarting = resources.some(({ state }) => state !== "watching" && state !== "absent");
  if (isStarting || resources.length === 0) return { state: "starting", reason: `${where} is being asked` };
  return { state: "on", reason: `${where} answers` };
}
