import type { Peer } from "../../topology/index.ts";

/**
 * The pod that a container is by what its agent has told of it, the agent having asked an API server itself; undefined where it has told
 * nothing. For a server that cannot ask, or has not been told of the pod.
 */
export function toldPod(peer: Peer): Peer | undefined {
  const { podUid = "", pod = "", kind } = peer;
  if (podUid === "" || pod === "") return undefined;
  if (kind === "pod" && peer.unresolved === undefined) return peer;
  const { unresolved: _, ...facts } = peer;
  return { ...facts, id: kind === "pod" ? peer.id : `pod:${podUid}`, kind: "pod", name: pod };
}
