import assert from "node:assert/strict";
import { test } from "node:test";
import { type ProbeFlags, parseProbeFlags, probeHelp } from "./index.ts";

function parse(text: string): ProbeFlags {
  const parsed = parseProbeFlags(text.split(" "));
  assert.equal(parsed.kind, "run", JSON.stringify(parsed));
  return (parsed as { flags: ProbeFlags }).flags;
}

function problems(text: string): readonly string[] {
  const parsed = parseProbeFlags(text.split(" "));
  return parsed.kind === "problems" ? parsed.problems : [];
}

test("the command line that pfSense generates", () => {
  const flags = parse(
    "-i 1:re1 -n 192.0.2.1:4739 -m 8192 -L 3 -s 10 -v 10 -T vlan -A milli -t general=60 -t maxlife=0 -t expint=0 -t tcp=60 -t tcp-rst=20 -t tcp.fin=30 -t udp=40 -p /var/run/softflowd.re1.pid -c /var/run/softflowd.re1.ctl",
  );
  assert.deepEqual(flags.interfaces, [{ name: "re1", index: 1 }]);
  assert.deepEqual(flags.destinations, [{ host: "192.0.2.1", port: 4739 }]);
  assert.deepEqual(flags.timeouts, {
    general: 60,
    maxlife: 0,
    expint: 0,
    tcp: 60,
    "tcp.rst": 20,
    "tcp.fin": 30,
    udp: 40,
    icmp: 300,
  });
  assert.deepEqual(
    [flags.version, flags.level, flags.timeFormat, flags.flowsMax, flags.hopLimit, flags.sampling],
    [10, "vlan", "milli", 8192, 3, 10],
  );
  assert.deepEqual(
    [flags.pidFile, flags.controlSocket],
    ["/var/run/softflowd.re1.pid", "/var/run/softflowd.re1.ctl"],
  );
  assert.equal(flags.isForeground, false);
});

test("flags together, arguments at once, and a filter behind them, as getopt has it", () => {
  const flags = parse(
    "-dbNieth0 -v10 -n [2001:db8::1]:4739,collector.example:2055 -t udp=1m30s tcp port 80 -v 9",
  );
  assert.deepEqual([flags.isForeground, flags.isBiflow, flags.isPromiscuous], [true, true, false]);
  assert.deepEqual(flags.destinations, [
    { host: "2001:db8::1", port: 4739 },
    { host: "collector.example", port: 2055 },
  ]);
  assert.equal(flags.timeouts.udp, 90);
  assert.equal(flags.filter, "tcp port 80 -v 9");
  assert.equal(flags.version, 10);
});

test("real-time defaults; softflowd's when they are asked for", () => {
  const ours = parse("-i eth0");
  assert.deepEqual(
    [ours.version, ours.timeouts.maxlife, ours.timeouts.expint, ours.flowsMax],
    [10, 60, 5, 262_144],
  );
  assert.deepEqual([ours.pidFile, ours.controlSocket], ["/var/run/softflowd.pid", "/var/run/softflowd.ctl"]);
  const theirs = parse("--softflowd-compat -i eth0");
  assert.deepEqual(
    [theirs.version, theirs.timeouts.maxlife, theirs.timeouts.expint, theirs.flowsMax],
    [5, 604_800, 60, 8192],
  );
  assert.equal(parse("-r - -c none").controlSocket, undefined);
});

test("destinations of every -n count, and a small buffer is what a ring has at least", () => {
  const { destinations, ringBytes, sampling } = parse("-i eth0 -n a:1,b:2 -n c:3 -B 65536 -v 9 -s 16384");
  assert.deepEqual(
    destinations.map(({ host, port }) => `${host}:${port}`),
    ["a:1", "b:2", "c:3"],
  );
  assert.equal(ringBytes, 2_097_152);
  assert.equal(sampling, 16_384, "only version 5 is short of bits for it");
});

test("every mistake is told at once, with what is accepted", () => {
  assert.deepEqual(problems("-v 7 -T mac -n nowhere -m 0 -t foo=1 -t udp=soon -Z -L 300 -b"), [
    "-Z: no such flag",
    "-v 7: accepted are 1, 5, 9, 10",
    "-i INTERFACE or -r FILE is wanted: where packets come from",
    "-n nowhere: wants HOST:PORT, such as 192.0.2.1:2055 or [2001:db8::1]:4739",
    "-T mac: accepted are ip, proto, port, full, vlan, ether",
    "-t foo=1: accepted are tcp, tcp.rst, tcp.fin, udp, icmp, general, maxlife, expint, each =SECONDS",
    "-t udp=soon: a time is such as 90, 1m30s or 2h",
    "-m 0: wants a number from 1 to 16777216",
    "-L 300: wants a number from 1 to 255",
  ]);
  assert.match(problems("-i eth0 -P sctp")[0]!, /by udp only/);
  assert.deepEqual(problems("-i eth0 -v 5 -s 16384"), ["-s 16384: wants a number from 0 to 16383"]);
  assert.match(problems("-i eth0 -v psamp")[0]!, /psamp is not written here/);
});

test("the help names every flag that is read", () => {
  assert.equal(parseProbeFlags(["-h"]).kind, "help");
  for (const flag of "irNCBsnlvbAxLSTmt6dDpca")
    assert.match(probeHelp, new RegExp(`(^|\\s)-${flag}\\b`, "m"), flag);
});
