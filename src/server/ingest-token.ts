import { createHash, timingSafeEqual } from "node:crypto";
import type { IngestToken } from "../settings/index.ts";

/**
 * Whose token an `Authorization` header carries; undefined when it is nobody's. All tokens are compared, by their hashes, so that the time
 * it takes tells nothing.
 */
export function createTokenCheck(
  tokens: readonly IngestToken[],
): (header: string | undefined) => string | undefined {
  const known = tokens.map(({ name, token }) => ({ name, hash: hashOf(token) }));
  return (header) => {
    const hash = hashOf(/^Bearer +(\S+) *$/i.exec(header ?? "")?.[1] ?? "");
    let found: string | undefined;
    for (const token of known) if (timingSafeEqual(token.hash, hash)) found = token.name;
    return found;
  };
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
