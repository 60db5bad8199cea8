import { signIn } from "./session.ts";

/** An error answer of the API (RFC 9457); a filter's mistake carries where it is. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** Start and length of the mistake in the filter's text, in characters. */
  readonly position?: number;
  readonly length?: number;
}

/** The server answered, and the answer is no. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

/** Reads a problem out of whatever a server, or something in front of it, sent. */
export function parseProblem(body: unknown, status: number): Problem {
  const from = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (key: string) => (typeof from[key] === "string" ? from[key] : "");
  const problem = {
    title: text("title") || `HTTP ${status}`,
    status,
    detail: text("detail"),
    code: text("code"),
  };
  if (typeof from.position !== "number") return problem;
  return { ...problem, position: from.position, length: typeof from.length === "number" ? from.length : 1 };
}

/** Where a token is wanted, and the session that had one is over, the person is sent to sign in. */
export async function readProblem(response: Response): Promise<ProblemError> {
  if (response.status === 401) signIn();
  const body: unknown = await response.json().catch(() => undefined);
  return new ProblemError(parseProblem(body, response.status));
}
