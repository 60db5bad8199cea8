export interface VectorSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

const answerMilliseconds = 20_000;
const answerBytesMax = 64 * 1024 * 1024;

/** The instant vector that Prometheus answers a query with. Rejects with what is wrong, in words. */
export async function queryVector(
  prometheus: URL,
  query: string,
  signal: AbortSignal,
): Promise<VectorSample[]> {
  const url = new URL(`${prometheus.pathname.replace(/\/$/, "")}/api/v1/query`, prometheus);
  const { username, password } = prometheus;
  url.username = "";
  url.password = "";
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      body: new URLSearchParams({ query }),
      headers: username === "" ? {} : { authorization: `Basic ${credentials.toString("base64")}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMilliseconds)]),
    });
  } catch (error) {
    const { message, cause } = error as Error & { cause?: Error };
    throw new Error(`no answer: ${cause?.message ?? message}`);
  }
  const answer = parse(await readText(response));
  if (answer?.status !== "success")
    throw new Error(
      `answered ${response.status}: ${answer?.error ?? "not what Prometheus answers; is -p right?"}`,
    );
  if (answer.data?.resultType !== "vector")
    throw new Error(
      `the query gives a ${answer.data?.resultType}; one that gives an instant vector is expected`,
    );
  return (answer.data.result ?? []).flatMap(({ metric, value }) => {
    const number = Number(value?.[1]);
    return Number.isFinite(number) ? [{ metric: metric ?? {}, value: number }] : [];
  });
}

interface Answer {
  readonly status?: string;
  readonly error?: string;
  readonly data?: {
    readonly resultType?: string;
    readonly result?: {
      readonly metric?: Record<string, string>;
      readonly value?: readonly [number, string];
    }[];
  };
}

function parse(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > answerBytesMax)
      throw new Error("the answer is larger than 64 MiB: a query with fewer series is expected");
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}
