import { createHash, timingSafeEqual } from "node:crypto";
import type { IngestToken } from "../settings/index.ts";

/** Who shows a token, and which machines it is for; undefined: any. */
export type TokenBearer = Pick<IngestToken, "name" | "nodes">;

/**
 * Whose token an `Authorization` header carries; undefined when it is nobody's. All tokens are compared, by their hashes, so that the time
 * it takes tells nothing.
 */
export function createTokenCheck(
  tokens: readonly IngestToken[],
): (header: string | undefined) => TokenBearer | undefined {
  const known = tokens.map(({ name, nodes, token }) => ({ bearer: { name, nodes }, hash: hashOf(token) }));
  return (header) => {
    const hash = hashOf(/^Bearer +(\S+) *$/i.exec(header ?? "")?.[1] ?? "");
    let found: TokenBearer | undefined;
    for (const token of known) if (timingSafeEqual(token.hash, hash)) found = token.bearer;
    return found;
  };
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
