import { isMappedIPv4, parseAddress } from "../flow/index.ts";

/** One socket address of `-listen`. */
export interface ListenUri {
  /** Which protocols are taken there: `netflow` is v5, v9 and IPFIX, `flow` is all. */
  readonly scheme: "flow" | "netflow" | "sflow";
  /** Without brackets; empty: all addresses. */
  readonly host: string;
  readonly port: number;
  /** Sockets that share the port. */
  readonly count: number;
}

const schemes = ["flow", "netflow", "sflow"] as const;
const countMax = 64;

/**
 * `netflow://:2055?count=2,sflow://[::1]:6343`; a problem is a text. `workers`, `blocking` and `queue_size` are read and mean
 * nothing here: every socket has its own decoder, and what waits for it waits in the kernel's buffer.
 */
export function parseListenUris(text: string): (ListenUri | string)[] {
  return text.split(",").map((uri) => parseListenUri(uri.trim()));
}

function parseListenUri(uri: string): ListenUri | string {
  const match = /^([a-z]+):\/\/(?:\[([^\]]*)\]|([^:/?[\]]*)):(\d{1,5})\/?(?:\?(.*))?$/.exec(uri);
  const scheme = schemes.find((name) => name === match?.[1]);
  if (match === null || scheme === undefined)
    return `${uri || "an empty text"} is not SCHEME://HOST:PORT with ${schemes.join(", ")}, for example netflow://:2055`;
  const host = match[2] ?? (match[3] === "localhost" ? "127.0.0.1" : match[3]!);
  const address = host === "" ? undefined : parseAddress(host);
  const isBracketed = match[2] !== undefined;
  if ((host !== "" || isBracketed) && (address === undefined || (isBracketed && isMappedIPv4(address))))
    return `${uri}: ${host} is no address; use one of this machine, or none for all`;
  const port = Number(match[4]);
  if (port > 65_535) return `${uri}: port ${port} is not between 0 and 65535`;
  const count = parseQuery(match[5] ?? "");
  return typeof count === "string" ? `${uri}: ${count}` : { scheme, host, port, count: Math.max(1, count) };
}

/** The count, or what is wrong. */
function parseQuery(query: string): number | string {
  let count = 1;
  for (const pair of query.split("&")) {
    const [name, value = ""] = pair.split("=");
    switch (name) {
      case "":
        break;
      case "count":
      case "workers":
      case "queue_size":
        if (!/^\d{1,9}$/.test(value)) return `${name} is a whole number, not ${value}`;
        if (name === "count") count = Number(value);
        break;
      case "blocking":
        if (!/^(true|false|1|0|t|f)$/i.test(value)) return `blocking is true or false, not ${value}`;
        break;
      default:
        return `${name} is not known; accepted are count, workers, blocking, queue_size`;
    }
  }
  return count <= countMax ? count : `count is at most ${countMax}`;
}
