import { formatCidr, isLoopback, isMappedIPv4, isPrivateAddress, maskAddress } from "../../flow/index.ts";

/** The network a bare address is shown in: its /24 or /64 when it is private, else "internet". */
export function networkOf(bytes: Uint8Array, offset = 0): string {
  if (isLoopback(bytes, offset)) return "loopback";
  if (!isPrivateAddress(bytes, offset)) return "internet";
  const prefixLength = isMappedIPv4(bytes, offset) ? 120 : 64;
  return formatCidr({ address: maskAddress(bytes, offset, prefixLength), prefixLength });
}
