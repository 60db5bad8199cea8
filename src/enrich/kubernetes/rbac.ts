/** One rule of a ClusterRole, as the RBAC API writes it. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** What is watched: the whole object where its status or spec tells something, else its metadata. */
export const watchedResources = [
  { name: "pods", group: "", version: "v1" },
  { name: "services", group: "", version: "v1" },
  { name: "nodes", group: "", version: "v1" },
  { name: "namespaces", group: "", version: "v1" },
  { name: "endpointslices", group: "discovery.k8s.io", version: "v1" },
  { name: "servicecidrs", group: "networking.k8s.io", version: "v1" },
] as const;
export type WatchedResource = (typeof watchedResources)[number]["name"];

/** Kinds of Kubernetes' own that own pods, asked for their metadata when a pod names one. */
const ownerResources = [
  { group: "apps", resources: ["replicasets", "deployments", "statefulsets", "daemonsets"] },
  { group: "batch", resources: ["jobs", "cronjobs"] },
] as const;

/**
 * All that the server asks of a cluster, and nothing more: the rules of its ClusterRole. Owners of other kinds are followed
 * where the user adds a rule for them; without one the first such owner is taken for the top.
 */
export const clusterRules: readonly PolicyRule[] = [
  ...["", "discovery.k8s.io", "networking.k8s.io"].map((group) => ({
    apiGroups: [group],
    resources: watchedResources.filter((resource) => resource.group === group).map(({ name }) => name),
    verbs: ["list", "watch"],
  })),
  ...ownerResources.map(({ group, resources }) => ({
    apiGroups: [group],
    resources,
    verbs: ["get", "list"],
  })),
];

/** The rule to add to the ClusterRole when a verb was denied, as one line of YAML. */
export function formatRule({ apiGroups, resources, verbs }: PolicyRule): string {
  const list = (values: readonly string[]) =>
    `[${values.map((value) => (value === "" ? '""' : value)).join(", ")}]`;
  return `{apiGroups: ${list(apiGroups)}, resources: ${list(resources)}, verbs: ${list(verbs)}}`;
}

export function watchRule(resource: { readonly group: string; readonly name: string }): PolicyRule {
  return { apiGroups: [resource.group], resources: [resource.name], verbs: ["list", "watch"] };
}

export function ownerRule(group: string, resource: string): PolicyRule {
  return { apiGroups: [group], resources: [resource], verbs: ["get", "list"] };
}
