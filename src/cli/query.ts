import { type Command, InvalidArgumentError, Option } from "commander";
import type { QueryFlags } from "./query-flags.ts";

/** `portolan query 'FILTER'`: what was seen, asked from the terminal. */
export function addQuery(program: Command): void {
  const command = program
    .command("query")
    .description("ask a server, or a data folder that no server has open, who talked to whom")
    .argument(
      "[filter...]",
      "what is wanted, in the filter language: 'port:443 client.name:nginx -server.network:internet'",
    )
    .option("--links", "the heaviest links: who talks to whom (this when nothing else is said)")
    .option("-t, --top", "the heaviest groups by --by: nfdump's -s")
    .option("--series", "totals in time, of everything or by --by")
    .option("--flows", "flow records, newest first: nfdump without -s")
    .option("--diff", "links that are new, gone or changed since the base, which is the window before")
    .option("--names", "names that were looked up, those that failed first; the filter says by whom")
    .option("-b, --by <fields>", "group by these, such as server.name,port or client.country (means --top)")
    .option("-m, --metric <metric>", "bytes, packets, connections, failed, retransmits, rtt")
    .option("-n, --limit <number>", "rows at most", wholeNumber)
    .option("--from <time>", "-1h, -7d, 2026-03-01T12:00:00Z or unix ms; the last 15 minutes when not given")
    .option("--to <time>", "the same; now when not given")
    .option("--base-from <time>", "of --diff: start of what is compared with")
    .option("--base-to <time>", "of --diff: its end")
    .option("--factor <number>", "of --diff: links in both are told when they grew or shrank by it (2)")
    .option("--step <milliseconds>", "of --series", wholeNumber)
    .option(
      "--group <what>",
      "of --links: namespace, workload, pod, node, address, network, country, asn, domain",
    )
    .option("--raw", "as exported: not multiplied by the sampling interval")
    .addOption(
      new Option("-o, --output <form>", "what is printed").choices([
        "table",
        "json",
        "csv",
        "ndjson",
        "parquet",
      ]),
    )
    .option("-w, --write <file>", "write there in place of standard output; its ending says the form")
    .option("--server <url>", "the server that is asked (default http://127.0.0.1:8080)")
    .option(
      "--data <folder>",
      "a server's data folder, read in place of asking a server; nothing in it is changed",
    )
    .option(
      "--token <token>",
      "what lets in; better --token-file, which nobody sees in the list of processes",
    )
    .option("--token-file <file>", "the file that has it; or PORTOLAN_TOKEN")
    .option("--ca <file>", "PEM certificates that vouch for the server")
    .addHelpText("after", examples);
  command.action(async (filter: string[], flags: QueryFlags) => {
    const { runQuery } = await import("./query-run.ts");
    process.exitCode = await runQuery(filter.join(" "), flags, process.env);
  });
}

const examples = `
Examples:
  portolan query                                            the heaviest links of the last 15 minutes
  portolan query 'port:443 bytes>10MB' --from -1h           of those with more than 10 MB over HTTPS
  portolan query --top --by client.address -n 20            top talkers, as nfdump -s srcip/bytes -n 20
  portolan query --by server.country,server.asName 'server.network:internet' --from -7d
  portolan query --series --by protocol --from -24h -o csv
  portolan query --flows 'source.address:10.0.0.0/8' -n 100000 -w flows.parquet
  portolan query --diff --from -1h --base-from -25h --base-to -24h
  portolan query --names 'namespace:shop' --from -6h        what the shop's pods asked the DNS for
  portolan query --data /var/lib/portolan 'name:postgres'   without a server
  portolan query -- -name:backup                            a filter that begins with a minus

Exit codes: 0 answered, 1 no answer could be had, 2 a mistake in the filter or the arguments.`;

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("a whole number is expected");
  return Number(text);
}
