import type { FlowBatch } from "../flow/index.ts";
import type { XdrReader } from "./xdr-reader.ts";

/** A list for one `appendList`; longer ones are cut. */
const list = new Uint32Array(64);

/** Next hop, prefix lengths of source and destination. */
export function readRouter(body: XdrReader, { columns }: FlowBatch, row: number): void {
  body.address(columns.ipNextHopAddress, row * 16);
  columns.sourcePrefixLength[row] = body.unsigned();
  columns.destinationPrefixLength[row] = body.unsigned();
}

/**
 * Next hop, the router's AS, source AS, the source's neighbour AS, the path to the destination in segments (a type, 1 set or
 * 2 sequence, and AS numbers behind their count), communities behind their count, local preference.
 *
 * The source AS is 0 and the path empty when they are the router's own.
 */
export function readGateway(body: XdrReader, batch: FlowBatch, row: number): void {
  const { columns } = batch;
  body.address(columns.bgpNextHopAddress, row * 16);
  const ownAs = body.unsigned();
  const sourceAs = body.unsigned();
  body.unsigned();
  const pathLength = readAsPath(body);
  if (body.isOverrun) return;
  columns.bgpSourceAsNumber[row] = sourceAs || ownAs;
  columns.bgpDestinationAsNumber[row] =
    pathLength === 0 ? ownAs : list[Math.min(pathLength, list.length) - 1]!;
  if (!batch.hasDetails) return;
  columns.bgpNextAdjacentAsNumber[row] = pathLength === 0 ? 0 : list[0]!;
  columns.bgpAsPath[row] = batch.appendList(list, Math.min(pathLength, list.length));
  columns.bgpCommunities[row] = batch.appendList(list, readList(body));
}

/** All segments into the list; of a longer path the last AS, the destination's, is kept at the end. */
function readAsPath(body: XdrReader): number {
  let count = 0;
  for (let segments = body.unsigned(); segments > 0 && !body.isOverrun; segments--) {
    body.unsigned(); // a set or a sequence
    const end = count + countOf(body);
    for (; count < end; count++) list[Math.min(count, list.length - 1)] = body.unsigned();
  }
  return Math.min(count, list.length);
}

function readList(body: XdrReader): number {
  const count = countOf(body);
  for (let i = 0; i < count; i++) {
    const value = body.unsigned();
    if (i < list.length) list[i] = value;
  }
  return Math.min(count, list.length);
}

/** A count of words; one that cannot be there is an overrun, and 0. */
function countOf(body: XdrReader): number {
  const count = body.unsigned();
  if (count * 4 <= body.rest) return count;
  body.isOverrun = true;
  return 0;
}

/** Next hop, the labels the packet came with, and those it left with: whole label stack entries. */
export function readMplsTunnel(body: XdrReader, batch: FlowBatch, row: number): void {
  body.address(batch.columns.mplsTopLabelAddress, row * 16);
  batch.columns.mplsLabelStack[row] = batch.appendList(list, readList(body));
}

/** Source and destination as they are behind the translation; one that is not translated is as in the packet. */
export function readNat(body: XdrReader, { columns }: FlowBatch, row: number): void {
  body.address(columns.postNATSourceAddress, row * 16);
  body.address(columns.postNATDestinationAddress, row * 16);
}

export function readNatPorts(body: XdrReader, { columns }: FlowBatch, row: number): void {
  columns.postNAPTSourceTransportPort[row] = body.unsigned();
  columns.postNAPTDestinationTransportPort[row] = body.unsigned();
}
