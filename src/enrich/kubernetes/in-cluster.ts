import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { ClusterAccess } from "./access.ts";

const accountFolderDefault = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The API server of the cluster whose pod this process runs in, by the pod's service account; undefined where there is none. Reads no more than whether. */
export function findInCluster(
  environment: Readonly<Record<string, string | undefined>>,
  accountFolder = accountFolderDefault,
): ClusterAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = environment;
  if (host === "" || !existsSync(`${accountFolder}/token`)) return undefined;
  return {
    server: `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    place: "the service account of this pod",
    isUnverified: false,
    // The token is replaced on disk well before it ends (by default within the hour), the authority seldom.
    credentials: async () => ({
      token: readText(`${accountFolder}/token`).trim(),
      authority: readText(`${accountFolder}/ca.crt`),
    }),
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Error(`${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, {
      cause,
    });
  }
}
