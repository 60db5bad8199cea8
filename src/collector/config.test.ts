import assert from "node:assert/strict";
import { test } from "node:test";
import { formatListener, parseFlowListener } from "./config.ts";

test("listeners are addresses and ports", () => {
  assert.deepEqual(parseFlowListener("udp://0.0.0.0:2055"), { host: "0.0.0.0", port: 2055 });
  assert.deepEqual(parseFlowListener("udp://[::]:2055"), { host: "::", port: 2055 });
  assert.deepEqual(parseFlowListener("udp://[fd00::1]:9995"), { host: "fd00::1", port: 9995 });
  assert.deepEqual(parseFlowListener("udp://:4739"), { host: "0.0.0.0", port: 4739 });
  assert.equal(formatListener({ host: "fd00::1", port: 9995 }), "[fd00::1]:9995");
  assert.equal(formatListener({ host: "127.0.0.1", port: 1 }), "127.0.0.1:1");
});

test("what is no listener is answered with what is accepted", () => {
  const form = "is not udp://ADDRESS:PORT, for example udp://0.0.0.0:2055 or udp://[::]:2055";
  for (const text of [
    "",
    "2055",
    "tcp://0.0.0.0:2055",
    "udp://0.0.0.0",
    "udp://::1:2055",
    "udp://0.0.0.0:2055/x",
  ]) {
    assert.equal(parseFlowListener(text), `${text} ${form}`);
  }
  assert.match(
    String(parseFlowListener("udp://router:2055")),
    /: router is no IPv4 or IPv6 address; use one of/,
  );
  assert.match(String(parseFlowListener("udp://[10.0.0.1]:2055")), /no IPv4 or IPv6 address/);
  assert.match(String(parseFlowListener("udp://0.0.0.0:70000")), /: port 70000 is not between 1 and 65535$/);
  assert.match(String(parseFlowListener("udp://0.0.0.0:0")), /port 0 is not/);
});
