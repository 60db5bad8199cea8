import type { FlowBatch } from "../flow/index.ts";
import { etherType, firstEtherType, geneve, ipProtocols, nothing, vxlan } from "./header-protocol.ts";
import { readIPv4 } from "./ipv4.ts";
import { readIPv6 } from "./ipv6.ts";
import { layersMax } from "./layers.ts";
import { readEthernet, readMpls, readPpp, readPppoe, readVlan } from "./link.ts";
import { readTransport } from "./transport.ts";
import { readGeneve, readVxlan } from "./tunnel.ts";
import { Walk } from "./walk.ts";

/** Of the packet being read; between calls it says nothing. */
const walk = /* @__PURE__ */ new Walk();

/**
 * Reads the headers of a sampled packet, whose first octet is at `start` and of which the capture ends at `end`, into a row
 * of the batch. `headerProtocol` says what it begins with. Returns the octets of layer 2 in front of the network header
 * (Ethernet, VLAN tags, PPPoE; labels of MPLS are behind layer 2), or -1 when no network header was found: then
 * what was read of the frame is in the row all the same.
 *
 * The row is the packet as the router forwards it: of a tunnel (GRE, IP in IP, VXLAN, Geneve) the outer headers, as every
 * sFlow collector has it; the inner ones only show in `layerStack`. A field the packet does not have keeps its value.
 */
export function writePacketRow(
  bytes: Uint8Array,
  start: number,
  end: number,
  headerProtocol: number,
  batch: FlowBatch,
  row: number,
): number {
  walk.begin(bytes, start, end, batch, row);
  let next = firstEtherType(headerProtocol);
  for (let count = 0; next !== nothing && count < layersMax; count++) {
    if (!walk.isOuter && !walk.hasDetails) break;
    next = readHeader(next);
  }
  walk.finish();
  return walk.hasNetworkHeader ? walk.layer3Offset - start : -1;
}

/** Reads the header at the walk's offset, steps over it, and returns what comes next. */
function readHeader(next: number): number {
  switch (next) {
    case etherType.ethernet:
      return readEthernet(walk);
    case etherType.vlan:
    case etherType.serviceVlan:
    case etherType.oldServiceVlan:
      return readVlan(walk);
    case etherType.mpls:
    case etherType.mplsMulticast:
      return readMpls(walk);
    case etherType.ppp:
      return readPpp(walk);
    case etherType.pppoeSession:
      return readPppoe(walk);
    case etherType.ipv4:
      return readIPv4(walk);
    case etherType.ipv6:
      return readIPv6(walk);
    case vxlan:
      return readVxlan(walk);
    case geneve:
      return readGeneve(walk);
    default:
      return next > ipProtocols ? readTransport(walk, next - ipProtocols) : nothing;
  }
}
