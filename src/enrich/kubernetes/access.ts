import { execCredential } from "./exec-credential.ts";
import { findInCluster } from "./in-cluster.ts";
import { type ClusterUser, readKubeconfig } from "./kubeconfig.ts";

export interface AccessSettings {
  /** `auto`: in the cluster this process runs in, or the one a kubeconfig file was given for. */
  readonly enabled: "auto" | boolean;
  /** A file, or several with `:` between; "" for KUBECONFIG, or ~/.kube/config. */
  readonly kubeconfig: string;
  /** "" for the file's current one. */
  readonly context: string;
}

/** What a request shows, read anew when it may have changed: PEM texts, and a bearer token. */
export interface Credentials {
  readonly token?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly authority?: string | undefined;
}

/** Where a cluster's API server is, and how to be let in. */
export interface ClusterAccess {
  /** Without a slash at its end. */
  readonly server: string;
  /** For people: what was read. */
  readonly place: string;
  readonly serverName?: string | undefined;
  readonly isUnverified: boolean;
  /** Throws with what is wrong in words. `wasRefused`: those given last were not let in. */
  credentials(wasRefused: boolean): Promise<Credentials>;
}

/** No access, and why, in words. Problems are worth another try; `isOff` is as it was asked for. */
export interface NoAccess {
  readonly isOff: boolean;
  readonly reason: string;
  readonly remedy?: string | undefined;
}

export interface AccessSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Where a pod finds its service account. */
  readonly accountFolder?: string;
}

/** Reads files, asks nobody. */
export function findAccess(
  settings: AccessSettings,
  surroundings: AccessSurroundings,
): ClusterAccess | NoAccess {
  const { environment, home, accountFolder } = surroundings;
  const { enabled, kubeconfig, context } = settings;
  if (enabled === false) return { isOff: true, reason: "kubernetes.enabled is false" };
  const inCluster = kubeconfig === "" ? findInCluster(environment, accountFolder) : undefined;
  if (inCluster !== undefined) return inCluster;
  if (enabled === "auto" && kubeconfig === "")
    return {
      isOff: true,
      reason: "this is no pod of a cluster, and kubernetes.kubeconfig names no file",
      remedy:
        "set kubernetes.enabled to true to use KUBECONFIG or ~/.kube/config, or kubernetes.kubeconfig to a file",
    };
  const files = kubeconfig || environment.KUBECONFIG || `${home}/.kube/config`;
  const found = readKubeconfig(
    files.split(":").filter((file) => file !== ""),
    context,
  );
  if ("reason" in found) return { isOff: false, ...found };
  const { server, serverName, isUnverified, authority, user, place } = found;
  return {
    ...{ server, serverName, isUnverified, place },
    credentials: credentialsOf(user, authority, found),
  };
}

function credentialsOf(
  user: ClusterUser,
  authority: (() => string) | undefined,
  cluster: { readonly server: string },
): ClusterAccess["credentials"] {
  const execute = user.exec === undefined ? undefined : execCredential(user.exec, cluster.server);
  return async (wasRefused) => ({
    authority: authority?.(),
    token: user.token?.(),
    certificate: user.certificate?.(),
    key: user.key?.(),
    ...(await execute?.(wasRefused)),
  });
}
