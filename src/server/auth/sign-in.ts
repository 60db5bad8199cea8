import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { CredentialTable } from "./credential-table.ts";
import { hasScope } from "./credential-table.ts";
import type { Sessions } from "./sessions.ts";

export interface SignInDependencies {
  readonly credentials: CredentialTable;
  readonly sessions: Sessions;
  onWrongToken(request: FastifyRequest): void;
}

/** Answered to everybody, though not as often as one likes. */
export const signInPaths = ["/sign-in", "/sign-in.css"];
const open = { config: { scope: "open" } } as const;
const cookieName = "portolan_session";
const bodyBytesMax = 8192;

/** The session's id, out of a `Cookie` header. */
export function sessionIdOf(cookies: string | undefined): string | undefined {
  return cookies === undefined
    ? undefined
    : /(?:^|;\s*)portolan_session=([A-Za-z0-9_-]{43})(?:;|$)/.exec(cookies)?.[1];
}

/**
 * A person who asks for the page is sent here, and back to the view that was asked for. A link on another site's page comes without the
 * cookie (SameSite=Strict), also of somebody who has signed in: the browser asks once more, then from this site.
 */
export function sendToSignIn(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (request.headers["sec-fetch-site"] === "cross-site")
    return sendHtml(reply.code(200), `<meta http-equiv="refresh" content="0"><title>Portolan</title>`);
  const view = request.url.split("?")[1] ?? "";
  const query = view === "" ? "" : `?view=${encodeURIComponent(view)}`;
  return reply.header("cache-control", "no-store").redirect(`sign-in${query}`, 303);
}

/** Whether a browser asks for something to show, rather than the page's code for data. */
export function isNavigation({ method, headers, url }: FastifyRequest): boolean {
  const path = url.split("?", 1)[0];
  return (
    method === "GET" && (path === "/" || path === "/index.html") && /text\/html/.test(headers.accept ?? "")
  );
}

/** `GET` and `POST /sign-in`, `POST /sign-out`: a token for a cookie that scripts cannot read. */
export function routeSignIn(
  app: FastifyInstance,
  { credentials, sessions, onWrongToken }: SignInDependencies,
): void {
  app.get("/sign-in.css", open, (_request, reply) =>
    reply.type("text/css; charset=utf-8").header("cache-control", "no-cache").send(style),
  );
  app.get("/sign-in", open, (request, reply) => sendForm(reply, viewOf(request.query), ""));
  app.register(async (inner) => {
    inner.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: bodyBytesMax },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    inner.post("/sign-in", open, (request, reply) => {
      const { token = "" } = (request.body ?? {}) as Record<string, string>;
      const bearer = credentials.bearerOf(`Bearer ${token.trim()}`);
      const view = viewOf(request.body);
      if (bearer === undefined) {
        onWrongToken(request);
        return sendForm(reply.code(401), view, "This is no token of this server.");
      }
      if (!hasScope(bearer, "read"))
        return sendForm(
          reply.code(403),
          view,
          "This token is for agents; the page wants one with the scope read.",
        );
      const id = sessions.open(bearer.hash);
      return reply
        .header("set-cookie", cookie(request, id, 30 * 86_400))
        .redirect(view === "" ? "./" : `./?${view}`, 303);
    });
    inner.post("/sign-out", open, (request, reply) => {
      const id = sessionIdOf(request.headers.cookie);
      if (id !== undefined) sessions.close(id);
      return reply.header("set-cookie", cookie(request, "", 0)).redirect("sign-in", 303);
    });
  });
}

/** Behind a proxy that ends TLS the browser may not be told `Secure`: it is asked for by this connection alone. */
function cookie(request: FastifyRequest, id: string, seconds: number): string {
  const isEncrypted = request.protocol === "https";
  return `${cookieName}=${id}; Max-Age=${seconds}; Path=/; HttpOnly; SameSite=Strict${isEncrypted ? "; Secure" : ""}`;
}

/** The page's own query, to go back to: what a URL's query may be made of. */
function viewOf(from: unknown): string {
  const { view } = (from ?? {}) as { view?: unknown };
  return typeof view === "string" && /^[\w\-.~!$&'()*+,;=:@/?%]{0,4096}$/.test(view) ? view : "";
}

function sendForm(reply: FastifyReply, view: string, problem: string): FastifyReply {
  return sendHtml(
    reply,
    `<html lang="en"><title>Portolan: sign in</title>
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="sign-in.css">
<main><h1>Portolan</h1>
<form method="post" action="sign-in">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus${problem === "" ? "" : ' aria-invalid="true" aria-describedby="problem"'}>
<input type="hidden" name="view" value="${escapeHtml(view)}">
<p id="problem" role="alert">${escapeHtml(problem)}</p>
<button>Sign in</button>
</form>
<p>Whoever runs this server has it: one of <code>auth.tokens</code>, with the scope <code>read</code>.</p>
</main>`,
  );
}

function sendHtml(reply: FastifyReply, html: string): FastifyReply {
  return reply
    .type("text/html; charset=utf-8")
    .header("cache-control", "no-store")
    .header(
      "content-security-policy",
      "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    .send(`<!doctype html>${html}`);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const style = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
main { width: min(22rem, 90vw); }
h1 { font-size: 1.5rem; }
form { display: grid; gap: 0.5rem; }
input, button { font: inherit; padding: 0.5rem 0.75rem; }
#problem { color: light-dark(#b00020, #ff8a80); margin: 0; }
p { font-size: 0.875rem; }
`;
