/**
 * A 53-bit number for an identity text: the same in every process and after every restart, so that no table of
 * numbers has to be shared or stored. Two rounds of FNV-1a with different offsets, mixed; among a million texts the
 * chance of any collision is about 1 in 18,000.
 */
export function identityKey(text: string): number {
  let low = 0x811c9dc5;
  let high = 0xc9dc5118;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit ^ (low >>> 15), 0x01000193);
  }
  low = mix(low ^ (high >>> 7));
  high = mix(high ^ (low >>> 9));
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0);
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
