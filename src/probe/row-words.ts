/**
 * Words for every row that a table may have, all 0. Memory that nobody has written yet costs none, so all of it is taken at once. Of a buffer that could be
 * shared V8 leaves it at that; any other of this size it takes for memory in use, and collects garbage at once.
 */
export function rowWordsOf(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(count * 4));
}
