import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AccessToken, Scope } from "../../settings/index.ts";
import { Problem } from "../problem.ts";
import { type ClientLimits, clientOfAddress, type RequestCost } from "./client-limits.ts";
import { type CredentialTable, hasScope } from "./credential-table.ts";
import type { Sessions } from "./sessions.ts";
import { isNavigation, routeSignIn, sendToSignIn, sessionIdOf, signInPaths } from "./sign-in.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a token must be good for; `read` where nothing is said. `open` is for everybody; `ingest` looks at tokens itself. */
    readonly scope?: Scope | "open";
    readonly cost?: RequestCost;
  }
  interface FastifyRequest {
    /** Who asks, where tokens are asked for. */
    bearer: AccessToken | undefined;
  }
}

export interface AccessDependencies {
  /** Undefined: nobody has to show a token. */
  readonly credentials: CredentialTable | undefined;
  readonly sessions: Sessions;
  readonly limits: ClientLimits | undefined;
}

/** One wrong token costs as much as so many requests. */
const wrongTokenRequests = 20;

/** Who may ask what, and how much of it: every route wants a token with its scope, unless it is open. */
export function guard(app: FastifyInstance, dependencies: AccessDependencies): void {
  const { credentials, sessions, limits } = dependencies;
  app.decorateRequest("bearer", undefined);

  /** By the header, else by the page's cookie. */
  function bearerOf({ headers }: FastifyRequest): AccessToken | undefined {
    if (headers.authorization !== undefined) return credentials?.bearerOf(headers.authorization);
    const id = sessionIdOf(headers.cookie);
    const hash = id === undefined ? undefined : sessions.find(id);
    return hash === undefined ? undefined : credentials?.byHash(hash);
  }

  function onWrongToken({ ip }: FastifyRequest): void {
    limits?.spend(clientOfAddress(ip), wrongTokenRequests);
  }

  /** Who reads is let go on for as long as the token is good for it: a live stream may be open for days. */
  function endWithToken({ raw }: FastifyReply, { hash }: AccessToken): void {
    const look = () => {
      const bearer = credentials?.byHash(hash);
      if (bearer === undefined || !hasScope(bearer, "read")) raw.destroy();
    };
    const forget = credentials?.onReplaced(look);
    raw.once("close", () => forget?.());
  }

  /** Says no with a problem; returns the reply when the browser is sent elsewhere. */
  function checkScope(request: FastifyRequest, reply: FastifyReply, scope: Scope): FastifyReply | undefined {
    const { bearer } = request;
    if (bearer !== undefined && hasScope(bearer, scope)) {
      if (request.routeOptions.config.cost === "stream") endWithToken(reply, bearer);
      return undefined;
    }
    if (bearer !== undefined)
      throw new Problem(403, "scope_missing", `the scope ${scope} is wanted, which this token has not`);
    if (isNavigation(request)) return sendToSignIn(request, reply);
    const isWrong = request.headers.authorization !== undefined;
    if (isWrong) onWrongToken(request);
    reply.header("www-authenticate", 'Bearer realm="portolan"');
    throw isWrong
      ? new Problem(401, "token_invalid", "no such token: one of auth.tokens is expected")
      : new Problem(
          401,
          "token_missing",
          "a token of auth.tokens is expected: Authorization: Bearer TOKEN, or sign in at /sign-in",
        );
  }

  app.addHook("onRequest", async (request, reply) => {
    const { config, url = "" } = request.routeOptions;
    const { scope = "read" } = config;
    if (scope === "open" && !signInPaths.includes(url)) return;
    if (scope === "ingest") return;
    request.bearer = credentials === undefined ? undefined : bearerOf(request);
    if (limits !== undefined) limit(limits, request, reply);
    if (credentials !== undefined && scope !== "open") return checkScope(request, reply, scope);
  });

  if (credentials !== undefined) routeSignIn(app, { credentials, sessions, onWrongToken });
}

/** Who asks: a token at an address. */
export function clientOf({ ip, bearer }: FastifyRequest): string {
  return `${clientOfAddress(ip)}${bearer?.hash ?? ""}`;
}

function limit(limits: ClientLimits, request: FastifyRequest, reply: FastifyReply): void {
  const who = clientOf(request);
  const refused = limits.spend(who) ?? begin(limits, who, request, reply);
  if (refused === undefined) return;
  reply.header("retry-after", String(refused.retryAfterSeconds));
  throw new Problem(
    429,
    "too_many_requests",
    `${refused.reason}: ask again in ${refused.retryAfterSeconds} s`,
  );
}

function begin(limits: ClientLimits, who: string, request: FastifyRequest, reply: FastifyReply) {
  const begun = limits.begin(who, request.routeOptions.config.cost ?? "request");
  if (typeof begun !== "function") return begun;
  reply.raw.once("close", begun);
  return undefined;
}
