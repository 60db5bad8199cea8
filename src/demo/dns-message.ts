/** Just enough of DNS (RFC 1035 §4) for the demo: one question for an IPv4 address, one answer. */

const headBytes = 12;
const recursionDesired = 0x0100;
const answered = 0x8180;
const noSuchName = 0x8183;
const ttlSeconds = 30;

/** A question for the IPv4 address of a name. */
export function writeQuestion(name: string): Buffer {
  const labels = name.split(".").flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(Math.floor(Math.random() * 65536), 0);
  head.writeUInt16BE(recursionDesired, 2);
  head.writeUInt16BE(1, 4); // one question
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])]); // root, type A, class IN
}

/** The answer to a question, or undefined when it is none. */
export function answerQuestion(
  question: Buffer,
  records: Readonly<Record<string, string>>,
): Buffer | undefined {
  const labels: string[] = [];
  let at = headBytes;
  for (let length = question[at] ?? 0; length > 0 && length < 64; length = question[at] ?? 0) {
    labels.push(question.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (at + 5 > question.length) return undefined;
  const address = records[labels.join(".")];
  const head = Buffer.from(question.subarray(0, headBytes));
  head.writeUInt16BE(address === undefined ? noSuchName : answered, 2);
  head.writeUInt16BE(address === undefined ? 0 : 1, 6);
  const asked = question.subarray(headBytes, at + 5);
  if (address === undefined) return Buffer.concat([head, asked]);
  // The name as a pointer to the question's, type A, class IN, time to live, four bytes of address.
  const record = Buffer.from([
    0xc0,
    headBytes,
    0,
    1,
    0,
    1,
    0,
    0,
    0,
    ttlSeconds,
    0,
    4,
    ...address.split(".").map(Number),
  ]);
  return Buffer.concat([head, asked, record]);
}
