import { parseAddress } from "../flow/index.ts";
import { otherPeer, type Peer, type PodFacts, podFactsOf } from "../topology/index.ts";

/**
 * A peer as an agent of that machine may tell it; undefined when it is none of the machine's own, or nothing but an address: then
 * the server names the end. Of other machines' peers an agent has nothing to say, not even when it is the first to name them.
 */
export function peerToldBy(node: string, peer: Peer): Peer | undefined {
  if (peer.id === otherPeer.id) return otherPeer;
  if (!isPeerOf(node, peer.id) || parseAddress(peer.address) === undefined) return undefined;
  const isOn = peer.node === node || peer.node.startsWith(`${node}/`); // a network namespace of the machine
  const { podUid } = peer;
  const own = { ...withoutPod(peer), node: isOn ? peer.node : node };
  return podUid === undefined || !isUid.test(podUid) ? own : { ...own, podUid, ...toldFacts(peer) };
}

/** The peer as if it were no pod's. */
export function withoutPod(peer: Peer): Peer {
  const {
    podUid: _uid,
    namespace: _namespace,
    pod: _pod,
    workload: _workload,
    workloadKind: _kind,
    ...own
  } = peer;
  return own;
}

/** A UUID, or the hash by which a static pod goes. */
const isUid = /^[-0-9A-Za-z]{1,64}$/;

/** DNS names, as the API server gives them to namespaces, pods and what owns them; kinds (Kubernetes, "Object Names and IDs"). */
const isDnsName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const isKind = /^[A-Za-z][-A-Za-z0-9]{0,62}$/;

/** What is told of a pod, all of it or nothing: what no API server would say is nobody's name. */
export function toldFacts(told: PodFacts): PodFacts {
  const facts = podFactsOf(told);
  const { namespace = "", pod = "", workload = "", workloadKind = "" } = facts;
  return [namespace, pod, workload].every((name) => isDnsName.test(name)) && isKind.test(workloadKind)
    ? facts
    : {};
}

/** Whether an id such as `container:NODE/ID` or `host:NODE` is of this machine. */
export function isPeerOf(node: string, id: string): boolean {
  const rest = id.slice(id.indexOf(":") + 1);
  if (rest.startsWith(`${node}/`)) return true;
  // A machine that is called like an address does not get what is known by that address.
  return rest === node && parseAddress(node) === undefined;
}
