import { cleanText } from "../flow/index.ts";

/** Longest container name shown; Kubernetes' namespace, pod and container together may have more. */
const nameLengthMax = 160;

/**
 * The name shown of a container, or "" when there is none worth showing: `web`, for a pod's container `shop/web-7f8/nginx`
 * and for its sandbox `shop/web-7f8`. Whoever starts containers chooses their names: what controls terminals or the
 * direction of text is left out, and nothing is cut within a character.
 */
export function containerNameOf(labels: Readonly<Record<string, unknown>>, name = ""): string {
  const [container, pod, namespace] = podLabels.map((keys) => firstText(labels, keys));
  const isSandbox = container === "" || container === "POD";
  const ofPod = pod === "" ? "" : [namespace, pod, isSandbox ? "" : container].filter(Boolean).join("/");
  return cleanText(ofPod || firstText(labels, ["nerdctl/name"]) || name.replace(/^\//, ""), nameLengthMax);
}

/** Where each runtime writes names of container, pod and namespace: as labels, or as annotations of its configuration. */
const podLabels = [
  ["io.kubernetes.cri.container-name", "io.kubernetes.container.name", "io.kubernetes.cri-o.ContainerName"],
  ["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name", "io.kubernetes.cri-o.KubeName"],
  ["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace", "io.kubernetes.cri-o.Namespace"],
] as const;

function firstText(labels: Readonly<Record<string, unknown>>, keys: readonly string[]): string {
  for (const key of keys) {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (typeof value === "string" && value !== "") return value;
  }
  return "";
}

/** An object out of somebody else's JSON; undefined for anything else. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
