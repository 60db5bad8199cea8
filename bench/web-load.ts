/**
 * Short HTTP requests as programs make them that people run: nginx and ApacheBench of Debian (nginx-light, apache2-utils), one of each on
 * either processor, a connection per request. A process of its own, run inside a network namespace:
 *
 *     web-load.ts serve PORT           two nginx, at PORT and PORT + 1; says "listening"
 *     web-load.ts request HOST PORT    asks both, each four at a time, as fast as can be
 *
 * Tells, every 20 ms, in a line: monotonic nanoseconds, connections that the namespace has accepted or opened so far (TCP's
 * PassiveOpens and ActiveOpens), microseconds of CPU of the two.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [task, ...rest] = process.argv.slice(2);
const counter = task === "serve" ? "PassiveOpens" : "ActiveOpens";

function nginx(port: number): string[] {
  const folder = mkdtempSync(join(tmpdir(), "portolan-nginx-"));
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder};`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
     events { worker_connections 1024; }
     http { access_log off; ${paths.join(" ")} server { listen ${port} backlog=4096; return 200 "hello"; } }`,
  );
  return ["nginx", "-c", join(folder, "nginx.conf"), "-p", folder, "-e", "stderr"];
}

function commands(): string[][] {
  if (task === "serve") return [0, 1].map((i) => nginx(Number(rest[0]) + i));
  const [host, port] = rest;
  return [0, 1].map((i) => ["ab", "-q", "-n", "50000000", "-c", "4", `http://${host}:${Number(port) + i}/`]);
}

/** They end with this process, however it ends. */
const children = commands().map(([program, ...flags], processor) =>
  spawn("setpriv", ["--pdeathsig", "KILL", "taskset", "-c", String(processor), program!, ...flags], {
    stdio: ["ignore", "ignore", "inherit"],
  }),
);

/** `Tcp:` is there twice: names, then values. */
function connections(): number {
  const [names, values] = readFileSync("/proc/self/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Tcp:"))
    .map((line) => line.split(" "));
  return Number(values![names!.indexOf(counter)]);
}

/** Of the only thread of each: the first figure of schedstat is what it ran, in nanoseconds. */
function cpuMicroseconds(): number {
  const each = children.map(({ pid }) =>
    Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]),
  );
  return each.reduce((sum, nanoseconds) => sum + nanoseconds / 1000, 0);
}

if (task === "serve") setTimeout(() => writeSync(1, "listening\n"), 500);
setInterval(
  () => writeSync(1, `${process.hrtime.bigint()} ${connections()} ${Math.round(cpuMicroseconds())}\n`),
  20,
);
