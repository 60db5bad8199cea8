import { type Command, InvalidArgumentError } from "commander";
import { runUntilSignal } from "./run.ts";

interface GeoipFlags {
  readonly prometheus: URL;
  readonly ipLabel: string;
  readonly database: string;
  readonly label?: readonly string[];
  readonly listen?: { readonly host: string; readonly port: number };
  readonly interval: number;
  readonly debug?: boolean;
}

/** prometheus-geoip's. */
const defaultListen = { host: "", port: 8080 };

/** Labels of `geo_ip` that say where an address is. */
const ownLabels: ReadonlySet<string> = new Set(["ip", "country", "latitude", "longitude", "zip"]);

/** `portolan geoip`, with prometheus-geoip's flags: the result of a PromQL query as `geo_ip`, with where each address is. */
export function addGeoip(program: Command): void {
  program
    .command("geoip")
    .description(
      "a PromQL query in (environment QUERY), its addresses out as geo_ip with country, latitude and longitude",
    )
    .requiredOption("-p, --prometheus <url>", "Prometheus, such as http://prometheus:9090", httpUrl)
    .requiredOption("-i, --ip-label <label>", "label of the query's result that holds the address", labelName)
    .requiredOption("-d, --database <file>", "MaxMind DB of cities, such as GeoLite2-City.mmdb")
    .option("-l, --label <label>", "label to carry over, repeatable", carriedLabel)
    .option("--listen <host:port>", "where /metrics is served (default :8080)", listenAddress)
    .option("--interval <seconds>", "how often the query is asked", wholeSeconds, 30)
    .option("-D, --debug", "say on standard error what is answered")
    .addHelpText(
      "after",
      "\nQUERY='sum by (pod, destination_ip) (bytes_tx)' portolan geoip -p ... -i destination_ip -l pod -d FILE",
    )
    .action(run);
}

async function run(flags: GeoipFlags, command: Command): Promise<void> {
  const query = process.env.QUERY ?? "";
  if (query === "") command.error("error: environment QUERY is not set: a PromQL query is expected");
  const [{ placesIn }, { loadGeoFile }, { createGeoipService }] = await Promise.all([
    import("../metrics/index.ts"),
    import("../enrich/geo/index.ts"),
    import("./geoip-service.ts"),
  ]);
  const loaded = await loadGeoFile({ kind: "country", file: flags.database }).answer;
  if (loaded.form !== "mmdb") {
    const problem = loaded.form === "problem" ? loaded.problem : "is no MaxMind database";
    command.error(
      `error: -d: ${flags.database} ${problem}; a MaxMind DB of cities is expected, such as GeoLite2-City.mmdb`,
    );
  }
  const findPlace = await placesIn(
    Buffer.from(loaded.bytes.buffer, loaded.bytes.byteOffset, loaded.bytes.length),
  );
  const { prometheus, ipLabel, label = [], listen = defaultListen, interval, debug } = flags;
  const service = createGeoipService(
    { prometheus, query, addressLabel: ipLabel, labels: label, listen, intervalSeconds: interval },
    {
      findPlace,
      log: (message) => console.error(`portolan geoip: ${message}`),
      isVerbose: debug === true,
      now: Date.now,
    },
  );
  await runUntilSignal(service, () => console.log(`geo_ip at ${service.address}/metrics`));
}

function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new InvalidArgumentError("a URL is expected, such as http://127.0.0.1:9090");
  return url;
}

function labelName(text: string): string {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text))
    throw new InvalidArgumentError("the name of a label is expected: letters, digits and _");
  return text;
}

function carriedLabel(text: string, before: readonly string[] = []): readonly string[] {
  if (ownLabels.has(text))
    throw new InvalidArgumentError(`${text} says where the address is; another label is expected`);
  return [...before.filter((name) => name !== text), labelName(text)];
}

function wholeSeconds(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError("seconds from 1 to 99999 are expected");
  return Number(text);
}

function listenAddress(text: string): NonNullable<GeoipFlags["listen"]> {
  const match = /^(?:\[(.+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535)
    throw new InvalidArgumentError("HOST:PORT is expected, such as 127.0.0.1:8080 or :8080");
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}
