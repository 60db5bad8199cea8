import type { KubernetesStatus } from "../data/answers.ts";
import { countOf } from "../units/units.ts";
import type { Look } from "./more.tsx";

export interface KubernetesSummary {
  readonly look: Look;
  readonly text: string;
}

/** Whether the cluster's names are to be had, in a few words; undefined where there is no cluster to ask. */
export function kubernetesSummary({
  state,
  counts,
  resources,
  owners,
}: KubernetesStatus): KubernetesSummary | undefined {
  const known = `Kubernetes, ${countOf(counts.pods ?? 0, "pod")}`;
  const denied = resources.filter((resource) => resource.state === "denied").length;
  switch (state) {
    case "off":
      return undefined;
    case "starting":
      return { look: "off", text: "Kubernetes: asking …" };
    case "away":
      return { look: "warning", text: `${known}: API server away` };
    case "partly":
      return { look: "warning", text: `${known}: ${countOf(denied, "kind")} of object denied` };
    case "on":
      return owners.some(({ rule }) => rule !== "")
        ? { look: "warning", text: `${known}: owners denied` }
        : { look: "good", text: known };
  }
}
