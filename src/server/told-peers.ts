import { parseAddress } from "../flow/index.ts";
import { otherPeer, type Peer } from "../topology/index.ts";

/**
 * A peer as an agent of that machine may tell it; undefined when it is none of the machine's own, or nothing but an address: then
 * the server names the end. Of other machines' peers an agent has nothing to say, not even when it is the first to name them.
 */
export function peerToldBy(node: string, peer: Peer): Peer | undefined {
  if (peer.id === otherPeer.id) return otherPeer;
  if (!isPeerOf(node, peer.id) || parseAddress(peer.address) === undefined) return undefined;
  const isOn = peer.node === node || peer.node.startsWith(`${node}/`); // a network namespace of the machine
  return isOn ? peer : { ...peer, node };
}

/** Whether an id such as `container:NODE/ID` or `host:NODE` is of this machine. */
export function isPeerOf(node: string, id: string): boolean {
  const rest = id.slice(id.indexOf(":") + 1);
  if (rest.startsWith(`${node}/`)) return true;
  // A machine that is called like an address does not get what is known by that address.
  return rest === node && parseAddress(node) === undefined;
}
