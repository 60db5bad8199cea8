import { lookup } from "node:dns/promises";
import koffi from "koffi";
import { isMappedIPv4, parseAddress } from "../flow/index.ts";
import { cFunctions, errorName } from "../native/index.ts";
import type { Destination } from "./exporter.ts";

const familyIPv4 = 2;
const familyIPv6 = 10;
const socketDatagram = 2;
const closeOnExec = 0x80000;
const levelSocket = 1;
const optionSendBuffer = 7;
const optionBindToDevice = 25;
const levelIPv4 = 0;
const ipTtl = 2;
const ipMulticastTtl = 33;
const levelIPv6 = 41;
const ipv6UnicastHops = 16;
const ipv6MulticastHops = 18;
const noSignal = 0x4000;
const sendBufferBytes = 4_194_304;
/** A destination that refuses is told of so often at most. */
const toldEveryMilliseconds = 60_000;

/** Host and port as the user wrote them. */
export interface DestinationAddress {
  readonly host: string;
  readonly port: number;
}

export interface DestinationOptions {
  /** Time to live, or hop limit; undefined leaves it to the system. */
  readonly hopLimit: number | undefined;
  /** Interface that messages leave by, whatever the routes say. */
  readonly device: string | undefined;
  readonly log: (text: string) => void;
  readonly now: () => number;
}

export interface OpenDestination extends Destination {
  readonly failureCount: number;
  close(): void;
}

// The system's own call: with dgram a message costs several times as much, and a probe sends many.
const call = cFunctions({
  socket: "int socket(int family, int type, int protocol)",
  connect: "int connect(int fd, const uint8_t *address, uint32_t length)",
  setOption: "int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)",
  send: "intptr_t send(int fd, const uint8_t *bytes, size_t length, int flags)",
  close: "int close(int fd)",
  interfaceIndex: "unsigned int if_nametoindex(const char *name)",
});

/** Looks the host up and connects a UDP socket to it. Throws an Error that says what is wrong with the destination. */
export async function openDestination(
  { host, port }: DestinationAddress,
  { hopLimit, device, log, now }: DestinationOptions,
): Promise<OpenDestination> {
  const text = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const [, name, zone] = /^([^%]*)(?:%(.*))?$/s.exec(host)!;
  const scope = zone === undefined ? 0 : scopeOf(zone, text);
  const address = await findAddress(name!, text);
  const isIPv4 = isMappedIPv4(address);
  const fd = call.socket(isIPv4 ? familyIPv4 : familyIPv6, socketDatagram | closeOnExec, 0);
  if (fd < 0) throw new Error(`destination ${text}: ${errorName()}`);
  const setNumber = (level: number, name: number, value: number) =>
    call.setOption(fd, level, name, new Uint8Array(Uint32Array.of(value).buffer), 4) === 0;
  setNumber(levelSocket, optionSendBuffer, sendBufferBytes);
  if (hopLimit !== undefined) {
    setNumber(isIPv4 ? levelIPv4 : levelIPv6, isIPv4 ? ipTtl : ipv6UnicastHops, hopLimit);
    setNumber(isIPv4 ? levelIPv4 : levelIPv6, isIPv4 ? ipMulticastTtl : ipv6MulticastHops, hopLimit);
  }
  const deviceName = new TextEncoder().encode(`${device ?? ""}\0`);
  if (
    device !== undefined &&
    call.setOption(fd, levelSocket, optionBindToDevice, deviceName, deviceName.length) !== 0
  ) {
    const error = errorName();
    call.close(fd);
    throw new Error(`destination ${text}: messages cannot be sent by interface ${device}: ${error}`);
  }
  const socketAddress = writeSocketAddress(address, port, isIPv4, scope);
  if (call.connect(fd, socketAddress, socketAddress.length) !== 0) {
    const error = errorName();
    call.close(fd);
    const isScopeMissing = scope === 0 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
    throw new Error(
      `destination ${text}: ${isScopeMissing ? `a link-local address wants its interface, such as [${name}%eth0]:${port}` : error}`,
    );
  }
  return new UdpDestination(fd, text, log, now);
}

class UdpDestination implements OpenDestination {
  readonly text: string;
  failureCount = 0;
  readonly #fd: number;
  readonly #log: (text: string) => void;
  readonly #now: () => number;
  #told = Number.NEGATIVE_INFINITY;

  constructor(fd: number, text: string, log: (text: string) => void, now: () => number) {
    this.#fd = fd;
    this.text = text;
    this.#log = log;
    this.#now = now;
  }

  send(message: Uint8Array): boolean {
    if (call.send(this.#fd, message, message.length, noSignal) >= 0) return true;
    const error = koffi.errno();
    this.failureCount++;
    this.#tell(error);
    // What is told is the fate of an earlier message; this one has not been sent yet.
    if (errorsOfEarlier.has(error)) call.send(this.#fd, message, message.length, noSignal);
    return false;
  }

  close(): void {
    call.close(this.#fd);
  }

  #tell(error: number): void {
    const now = this.#now();
    if (now - this.#told < toldEveryMilliseconds) return;
    this.#told = now;
    const what =
      error === connectionRefused
        ? "refuses: nothing listens on that port"
        : `does not take messages: ${errorName(error)}`;
    this.#log(`destination ${this.text} ${what} (${this.failureCount} messages so far; sending goes on)`);
  }
}

const connectionRefused = 111;
/** ECONNREFUSED, ENETUNREACH, EHOSTUNREACH: an ICMP message came back. */
const errorsOfEarlier: ReadonlySet<number> = new Set([connectionRefused, 101, 113]);

/** 16 octets, IPv4 mapped. */
async function findAddress(host: string, text: string): Promise<Uint8Array> {
  const literal = parseAddress(host);
  if (literal !== undefined) return literal;
  try {
    const { address } = await lookup(host);
    return parseAddress(address)!;
  } catch (error) {
    throw new Error(`destination ${text}: the name is not found (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** RFC 4007 §11: behind `%` stands an interface, by its name or its number. */
function scopeOf(zone: string, text: string): number {
  const index: number = /^\d+$/.test(zone) ? Number(zone) : call.interfaceIndex(zone);
  if (index === 0) throw new Error(`destination ${text}: there is no interface ${zone}`);
  return index;
}

/** struct sockaddr_in, or sockaddr_in6 with the scope at its end. */
function writeSocketAddress(address: Uint8Array, port: number, isIPv4: boolean, scope: number): Uint8Array {
  const bytes = new Uint8Array(isIPv4 ? 16 : 28);
  bytes[0] = isIPv4 ? familyIPv4 : familyIPv6;
  bytes[2] = port >> 8;
  bytes[3] = port;
  bytes.set(isIPv4 ? address.subarray(12) : address, isIPv4 ? 4 : 8);
  if (!isIPv4) bytes.set(new Uint8Array(Uint32Array.of(scope).buffer), 24);
  return bytes;
}
