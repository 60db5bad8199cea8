import assert from "node:assert/strict";
import { test } from "node:test";
import { parseKernelDrops } from "./kernel-drops.ts";

const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  367: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 28047 2 00000000f1e0a56f 12
  368: 00000000:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 28048 2 00000000f1e0a570 4294967301
`;
const udp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  367: 00000000000000000000000001000000:0807 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 27041 2 0000000070706e1d 3
`;

test("the drops of a socket stand in the line of its address and port", () => {
  assert.equal(parseKernelDrops(udp, "127.0.0.1", 2055), 12);
  assert.equal(parseKernelDrops(udp, "0.0.0.0", 2055), 4_294_967_301);
  assert.equal(parseKernelDrops(udp6, "::1", 2055), 3);
  assert.equal(parseKernelDrops(udp, "127.0.0.1", 2056), undefined);
  assert.equal(parseKernelDrops("", "127.0.0.1", 2055), undefined);
});
