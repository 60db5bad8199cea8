import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from "fastify";
import { isLoopbackHost } from "../settings/index.ts";
import { takeQuestionsInTurn } from "./api/ask-in-turn.ts";
import { collectDescriptions } from "./api/description.ts";
import { guard } from "./auth/access.ts";
import type { ClientLimits } from "./auth/client-limits.ts";
import { limitConnections } from "./auth/connection-limits.ts";
import type { CredentialTable } from "./auth/credential-table.ts";
import { Sessions } from "./auth/sessions.ts";
import { answerClientError, answerProblems, Problem, sendProblem } from "./problem.ts";
import type { TlsFiles } from "./tls-files.ts";

const webFolder = fileURLToPath(new URL("../../web/dist", import.meta.url));

/** Everything the page needs comes from here, and nothing in it may run that did not. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "font-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const headers = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  // Not "no-referrer": over plain HTTP, where browsers send no Sec-Fetch-Site, our own forms would come from the origin "null".
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** A request, its body included, arrives within this time; how long the answer takes is another matter. */
const requestMilliseconds = 60_000;
/** Its head, or the handshake of TLS, counted from the connection on: whoever says nothing is let go. */
const headMilliseconds = 15_000;
const lookMilliseconds = 2000;

export interface HttpOptions {
  readonly logger: FastifyBaseLogger;
  /** Whether people are let in from this machine only: then nobody comes by another name than a loopback one. */
  readonly isLoopbackOnly: boolean;
  /** Whether the route of agents asks for their tokens itself: then it is open to other machines too. */
  readonly areAgentsChecked?: boolean;
  /** Where people and programs have to show a token. */
  readonly credentials?: CredentialTable | undefined;
  readonly limits?: ClientLimits | undefined;
  /** Connections at once. */
  readonly connectionsMax?: number;
  readonly tls?: TlsFiles | undefined;
}

const proxyHeaders = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
];

/** The HTTP server without its API routes: headers, errors, the page. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const {
    logger,
    isLoopbackOnly,
    areAgentsChecked = false,
    credentials,
    limits,
    tls,
    connectionsMax = 4096,
  } = options;
  const timeouts = { headersTimeout: headMilliseconds, connectionsCheckingInterval: lookMilliseconds };
  const app = Fastify({
    ...(tls === undefined
      ? { http: timeouts }
      : { https: { ...tls, ...timeouts, minVersion: "TLSv1.2", handshakeTimeout: headMilliseconds } }),
    // Where it listens is told by whoever started it.
    loggerInstance: logger.child({}, { level: logger.level === "info" ? "warn" : logger.level }),
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 1000 },
    bodyLimit: 1024 * 1024,
    forceCloseConnections: true,
    requestTimeout: requestMilliseconds,
    // What is no HTTP, or has a head that is too long, never becomes a request.
    clientErrorHandler: answerClientError,
    // A URL that cannot be decoded is answered before any hook runs.
    frameworkErrors: (error, _request, reply) =>
      sendProblem(reply.headers(headers), new Problem(400, "request_invalid", error.message)),
  } as FastifyServerOptions) as FastifyInstance;
  limitConnections(app.server, connectionsMax, {
    log: (message) => logger.warn(message),
    now: () => performance.now(),
  });
  answerProblems(app);
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(headers);
    // A page of another site may send requests here, though not read the answers: they would still cost work.
    if (isOfAnotherSite(request))
      throw new Problem(403, "cross_site", "pages of other sites may not ask this server");
    const { scope } = request.routeOptions.config;
    if (scope === "open" || (scope === "ingest" && areAgentsChecked)) return;
    // A proxy on this machine passes on what others ask: they are not this machine.
    const isPassedOn = proxyHeaders.some((name) => request.headers[name] !== undefined);
    const own = request.socket.localAddress;
    if (
      isLoopbackOnly &&
      (isPassedOn || !(isLoopbackHost(request.ip) || request.socket.remoteAddress === own))
    ) {
      throw new Problem(
        403,
        "credentials_required",
        "only agents are let in from other machines: use ssh -L, or `auth: none` to let everybody in",
      );
    }
    // Another site's page could reach us under a name of its own that resolves to 127.0.0.1.
    const host = hostOf(request.headers.host?.toLowerCase());
    if (isLoopbackOnly && !isLoopbackHost(host) && host !== own?.replace(/^::ffff:/, "")) {
      throw new Problem(
        403,
        "host_not_allowed",
        "without credentials this server only answers to localhost and loopback addresses",
      );
    }
  });
  collectDescriptions(app);
  takeQuestionsInTurn(app);
  guard(app, { credentials, limits, sessions: new Sessions(Date.now) });
  if (existsSync(`${webFolder}/index.html`)) {
    app.register(fastifyStatic, {
      root: webFolder,
      cacheControl: false,
      setHeaders: (response, path) => {
        // File names under assets carry a hash of their content.
        response.header(
          "cache-control",
          path.includes("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
        );
      },
    });
  } else {
    app.get("/", (_request, reply) =>
      reply
        .type("text/plain; charset=utf-8")
        .send(
          "The page has not been built: run ./portolan up, which builds it, or npm run build. The API is at /api/v1/map.\n",
        ),
    );
  }
  return app;
}

/**
 * A link to the page itself may be followed from anywhere. Browsers that do not say where a request is from say whose page sends it.
 * What is asked for is told by the route: its path may be written in many ways.
 */
function isOfAnotherSite({ method, routeOptions, headers }: FastifyRequest): boolean {
  const isRead = method === "GET" || method === "HEAD";
  if (isRead && !/^\/(api\/|metrics|nodegraph\/)/.test(routeOptions.url ?? "")) return false;
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return !isRead && origin !== undefined && origin.replace(/^https?:\/\//, "") !== host;
}

/** `Host: [::1]:8080` → `::1`. */
function hostOf(header: string | undefined): string {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::\d+)?$/.exec(header ?? "");
  return match?.[1] ?? match?.[2] ?? "";
}
