import { accessSync, constants } from "node:fs";
import { z } from "zod";
import { compatNames } from "../metrics/index.ts";

/** What the whole configuration is written with. */
interface Parts {
  readonly wholeNumber: (min: number, max: number) => z.ZodType<number, number>;
  readonly yesOrNo: () => z.ZodType<boolean, boolean>;
  readonly quantity: (
    units: Readonly<Record<string, number>>,
    example: string,
  ) => z.ZodType<number, string | number>;
}

const text = (what: string) =>
  z.string({ error: `${what} is expected` }).min(1, { error: `${what} is expected` });
const file = () =>
  text("the path of a file").refine(canBeRead, { error: "the path of a file that can be read is expected" });
const texts = (what: string) => z.record(z.string(), z.string({ error: `${what} is expected` }));
const seconds = { s: 1, m: 60, h: 3600 };
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** `expected` says what is accepted, with an example. */
export function webUrl(expected: string) {
  return z
    .string({ error: "a URL is expected" })
    .refine((url) => /^https?:$/.test(protocolOf(url)), { error: expected });
}

const remoteUrl = webUrl("an http or https URL is expected, such as http://prometheus:9090/api/v1/write");

function canBeRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

const protocolOf = (url: string) => (URL.canParse(url) ? new URL(url).protocol : "");

/** The `metrics` section. Names of remote write are Prometheus' own, in our spelling. */
export function metricsSchema({ wholeNumber, yesOrNo, quantity }: Parts) {
  const remoteWrite = z
    .strictObject(
      {
        url: remoteUrl,
        interval: quantity(seconds, "15s").prefault("15s"),
        /** Added to every series: a receiver knows no job and instance. */
        labels: texts("a mapping of labels")
          .refine((labels) => Object.keys(labels).every((name) => labelName.test(name)), {
            error: "names of labels are letters, digits and _",
          })
          .prefault({ job: "portolan" }),
        headers: texts("a mapping of headers").prefault({}),
        basicAuth: z
          .strictObject({
            username: text("a name"),
            password: text("a password").optional(),
            passwordFile: file().optional(),
          })
          .refine(({ password, passwordFile }) => (password === undefined) !== (passwordFile === undefined), {
            error: "either password or passwordFile is expected",
          })
          .optional(),
        bearerToken: text("a token").optional(),
        bearerTokenFile: file().optional(),
        tls: z
          .strictObject({
            ca: file().optional(),
            cert: file().optional(),
            key: file().optional(),
            insecure: yesOrNo().optional(),
          })
          .optional(),
        /** What waits for the receiver at most. */
        queue: quantity({ kB: 1e3, MB: 1e6, kiB: 1024, MiB: 2 ** 20 }, "16MB").prefault("16MB"),
      },
      { error: "a mapping with url is expected" },
    )
    .refine(
      ({ basicAuth, bearerToken, bearerTokenFile }) =>
        [basicAuth, bearerToken, bearerTokenFile].filter((given) => given !== undefined).length <= 1,
      { error: "only one of basicAuth, bearerToken and bearerTokenFile is expected" },
    );
  return z.strictObject(
    {
      /** Series of links and flows on /metrics. */
      links: yesOrNo().prefault(true),
      /** Links, and flows, told by name: the heaviest. The others are ~other. */
      limit: wholeNumber(10, 200_000).prefault(5000),
      /** How long a series without news is told. */
      staleAfter: quantity(seconds, "15m").prefault("15m"),
      /** Peers whose metrics are told beside ours, so that their dashboards go on. */
      compat: z
        .array(z.enum(compatNames, { error: `one of ${compatNames.join(", ")} is expected` }), {
          error: `a list of ${compatNames.join(", ")} is expected`,
        })
        .prefault([]),
      remoteWrite: z
        .array(remoteWrite, { error: "a list of mappings with url is expected" })
        .max(8)
        .prefault([]),
    },
    { error: "a mapping of settings is expected" },
  );
}
