/** FNV-1a, 32 bits, over the UTF-8 octets of a text: what Go's `fnv.New32a` gives. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of new TextEncoder().encode(text)) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash >>> 0;
}
