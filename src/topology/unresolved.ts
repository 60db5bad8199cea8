/** Why it is not known who a peer is, though it is of a cluster whose objects are known. */
export const unresolvedReasons = {
  pods_not_known_yet: "it is the cluster's, whose pods have not been listed yet",
  no_pod_has_it: "it is in a node's range of pod addresses, but no pod had it when it was seen",
  services_not_known_yet: "it is in the range of service addresses, and services have not been listed yet",
  no_service_has_it: "it is in the range of service addresses, but no service had it when it was seen",
  pod_not_told: "its control group is a pod's of which the API server has not told",
} as const;
export type UnresolvedReason = keyof typeof unresolvedReasons;
