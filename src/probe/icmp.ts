const protocolIcmp = 1;

/**
 * Type and code under which a message of ICMP is counted: an answer under those of its question, so that both are one
 * flow. Messages that answer nothing, such as errors, stand for themselves.
 */
export function icmpKey(protocol: number, typeCode: number): number {
  const question = (protocol === protocolIcmp ? questions : questionsV6).get(typeCode >> 8);
  return question === undefined ? typeCode : question << 8;
}

/** IANA's ICMP types: echo, router discovery, timestamp, information, address mask. */
const questions = new Map(pairs([8, 0], [10, 9], [13, 14], [15, 16], [17, 18]));
/** Of ICMPv6: echo, router discovery, neighbour discovery. */
const questionsV6 = new Map(pairs([128, 129], [133, 134], [135, 136]));

function pairs(...known: readonly (readonly [question: number, answer: number])[]): [number, number][] {
  return known.flatMap(([question, answer]): [number, number][] => [
    [question, question],
    [answer, question],
  ]);
}
