import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeOfLogs, TcpLogs, tcpEndBytes, tcpLogBytes, tcpLogLayout } from "./tcp-logs.ts";
import { readHeader, readStruct } from "./testdata/struct-layout.ts";

const processors = 2;
const entries = 4;
const windowEntries = 2;

test("the layout is the one of struct tcp_log and struct tcp_end in tcp.h", () => {
  const header = readHeader("tcp.h");
  assert.deepEqual(readStruct(header, "tcp_log"), tcpLogLayout);
  assert.match(header, new RegExp(`sizeof\\(struct tcp_log\\) == ${tcpLogBytes}`));
  assert.match(header, new RegExp(`sizeof\\(struct tcp_end\\) == ${tcpEndBytes}`));
});

test("logs take 8 MiB of a machine's memory, more only where there are many processors", () => {
  const sizes = [1, 2, 3, 64, 256].map((count) => sizeOfLogs(count).entries);
  assert.deepEqual(sizes, [32_768, 32_768, 16_384, 1024, 1024]);
});

/** Memory as the kernel writes it: an entry's first word is what is written. */
function createLogs() {
  const all = new Uint32Array((processors * entries * tcpEndBytes) / 4);
  const logs = new ArrayBuffer(processors * tcpLogBytes);
  const data = new ArrayBuffer(windowEntries * tcpEndBytes);
  let start = 0;
  const show = () => new Uint32Array(data).set(all.subarray(start / 4, (start + data.byteLength) / 4));
  const words = new BigUint64Array(logs);
  const wordOf = (processor: number, at: number) => (processor * tcpLogBytes + at) / 8;
  const reader = new TcpLogs(
    {
      logs,
      ends: {
        ...{ data, dataBytes: all.byteLength, windowBytes: data.byteLength },
        moveWindow(offset) {
          assert.equal(offset % data.byteLength, 0);
          start = offset;
          show();
        },
      },
    },
    { processors, entries },
  );
  return {
    logs,
    write(processor: number, value: number) {
      const written = Number(words[wordOf(processor, tcpLogLayout.written)]);
      all[((processor * entries + (written % entries)) * tcpEndBytes) / 4] = value;
      words[wordOf(processor, tcpLogLayout.written)] = BigInt(written + 1);
      show();
    },
    isRead: (processor: number) => Number(words[wordOf(processor, tcpLogLayout.read)]),
    consume(visit?: (value: number) => void): number[] {
      const values: number[] = [];
      const count = reader.consume((offset) => {
        const value = new Uint32Array(data)[offset / 4]!;
        visit?.(value);
        values.push(value);
      });
      assert.equal(count, values.length);
      return values;
    },
  };
}

test("each processor is told where its log is", () => {
  const view = new DataView(createLogs().logs);
  for (let i = 0; i < processors; i++) {
    assert.equal(view.getUint32(i * tcpLogBytes + tcpLogLayout.first, true), i * entries);
    assert.equal(view.getUint32(i * tcpLogBytes + tcpLogLayout.entries, true), entries);
  }
});

test("what each processor wrote is read in its order, once, also after the end of the log", () => {
  const { write, consume, isRead } = createLogs();
  assert.deepEqual(consume(), []);
  for (const value of [1, 2, 3]) write(0, value);
  write(1, 11);
  assert.deepEqual(consume(), [1, 2, 3, 11]);
  assert.deepEqual([isRead(0), isRead(1)], [3, 1]);
  assert.deepEqual(consume(), []);
  for (const value of [4, 5, 6, 7]) write(0, value);
  assert.deepEqual(consume(), [4, 5, 6, 7], "as many as it holds, round its end");
  assert.equal(isRead(0), 7);
});

test("what is written while it is read is read the next time", () => {
  const { write, consume } = createLogs();
  write(0, 1);
  assert.deepEqual(
    consume((value) => value < 3 && write(0, value + 1)),
    [1],
  );
  assert.deepEqual(consume(), [2]);
});

test("an entry at which reading failed counts as read, the next one does not", () => {
  const { write, consume, isRead } = createLogs();
  for (const value of [1, 2, 3]) write(0, value);
  const refuse = (value: number) => {
    if (value === 2) throw new Error("refused");
  };
  assert.throws(() => consume(refuse), /refused/);
  assert.equal(isRead(0), 2);
  assert.deepEqual(consume(), [3]);
});
