import { timingSafeEqual } from "node:crypto";
import { hashToken, type IngestToken, type TokenHash } from "../../settings/index.ts";

/** Who shows a token, and which machines it is for; undefined: any. */
export type TokenBearer = Pick<IngestToken, "name" | "nodes">;

/**
 * Whose token an `Authorization` header carries; undefined when it is nobody's. All tokens are compared, by their hashes, so that the time
 * it takes tells nothing. Who shows none is nobody, also where a hash was made of nothing (`echo -n "$UNSET" | sha256sum`).
 */
export function createTokenCheck<T extends TokenHash>(
  tokens: readonly T[],
): (header: string | undefined) => T | undefined {
  const known = tokens.map((token) => ({ token, hash: Buffer.from(token.hash, "hex") }));
  return (header) => {
    const text = tokenOf(header);
    const hash = Buffer.from(hashToken(text), "hex");
    let found: T | undefined;
    for (const one of known) if (timingSafeEqual(one.hash, hash)) found = one.token;
    return text === "" ? undefined : found;
  };
}

/** `Bearer TOKEN`; or `Basic`, whose password is the token, for programs that know nothing else. The user's name means nothing. */
function tokenOf(header: string | undefined): string {
  const [, scheme = "", value = ""] = /^(Bearer|Basic) +(\S+) *$/i.exec(header ?? "") ?? [];
  if (scheme.toLowerCase() !== "basic") return value;
  const text = Buffer.from(value, "base64").toString();
  return text.slice(text.indexOf(":") + 1);
}
