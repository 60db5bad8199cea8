/**
 * One TCP socket that connects twice, to two ports of an IPv4 address: told-error.ts HOST REFUSING SILENT. It asks for the error of the
 * first attempt, as programs that do not block do, gives that up, and gives the second up after 100 ms. Says as JSON what it was told.
 */
import { setTimeout as rest } from "node:timers/promises";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int family, int type, int protocol)");
const connectTo = libc.func("int connect(int fd, const uint8_t *address, int length)");
const getOption = libc.func(
  "int getsockopt(int fd, int level, int name, _Out_ int *value, _Inout_ uint32_t *length)",
);
const close = libc.func("int close(int fd)");
const [unspecified, inet, nonBlockingStream, solSocket, soError] = [0, 2, 0x801, 1, 4];

const [host = "", refusing = "", silent = ""] = process.argv.slice(2);
const address = (family: number, port: number) =>
  Uint8Array.of(
    family,
    0,
    port >> 8,
    port & 255,
    ...host.split(".").map(Number),
    ...new Array<number>(8).fill(0),
  );
const fd = socket(inet, nonBlockingStream, 0);
connectTo(fd, address(inet, Number(refusing)), 16);
await rest(50);
const told = [0];
getOption(fd, solSocket, soError, told, [4]);
connectTo(fd, address(unspecified, 0), 16);
connectTo(fd, address(inet, Number(silent)), 16);
await rest(100);
close(fd);
console.log(JSON.stringify({ told: told[0] }));
