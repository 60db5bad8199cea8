import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { type JsonObject, listOf, objectOf, textOf } from "./json.ts";

/** How a user of a kubeconfig file is let in. Files are read when asked, since they may be replaced. */
export interface ClusterUser {
  readonly token?: (() => string) | undefined;
  readonly certificate?: (() => string) | undefined;
  readonly key?: (() => string) | undefined;
  readonly exec?: ExecPlugin | undefined;
}

/** A program that gives credentials (client authentication v1 and v1beta1). */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly installHint: string;
}

export interface KubeconfigCluster {
  readonly server: string;
  readonly serverName: string | undefined;
  readonly isUnverified: boolean;
  readonly authority: (() => string) | undefined;
  readonly user: ClusterUser;
  readonly place: string;
}

export interface KubeconfigProblem {
  readonly reason: string;
  readonly remedy?: string | undefined;
}

interface Entry {
  readonly folder: string;
  readonly value: JsonObject;
}

/** Of several files the first to name a thing counts, as for kubectl. */
export function readKubeconfig(
  files: readonly string[],
  wantedContext: string,
): KubeconfigCluster | KubeconfigProblem {
  const entries = {
    clusters: new Map<string, Entry>(),
    users: new Map<string, Entry>(),
    contexts: new Map<string, Entry>(),
  };
  let current = wantedContext;
  let readCount = 0;
  for (const file of files) {
    const read = readFile(file);
    if ("reason" in read) {
      if (read.isMissing && files.length > 1) continue;
      return { reason: read.reason, remedy: "set kubernetes.kubeconfig to a file that can be read" };
    }
    readCount++;
    current ||= textOf(read.root["current-context"]);
    for (const [list, single] of [
      ["clusters", "cluster"],
      ["users", "user"],
      ["contexts", "context"],
    ] as const) {
      for (const each of listOf(read.root[list]).map(objectOf)) {
        const name = textOf(each.name);
        if (!entries[list].has(name))
          entries[list].set(name, { folder: dirname(resolve(file)), value: objectOf(each[single]) });
      }
    }
  }
  const where = files.join(":");
  if (readCount === 0)
    return {
      reason: `${where}: no such file`,
      remedy: "set kubernetes.kubeconfig to a file that can be read",
    };
  const context = entries.contexts.get(current)?.value;
  if (context === undefined) {
    const names = [...entries.contexts.keys()].join(", ") || "none";
    const reason = current === "" ? `${where}: no current context` : `${where}: no context ${current}`;
    return { reason, remedy: `set kubernetes.context to one of: ${names}` };
  }
  const cluster = entries.clusters.get(textOf(context.cluster));
  const user = entries.users.get(textOf(context.user));
  if (cluster === undefined) return { reason: `${where}: context ${current} names no cluster that is there` };
  const { server: address, "proxy-url": proxy } = cluster.value as Record<string, unknown>;
  const server = textOf(address).replace(/\/+$/, "");
  if (!URL.canParse(server) || !/^https?:/.test(server))
    return { reason: `${where}: cluster of ${current}: server is no URL` };
  if (textOf(proxy) !== "") return { reason: `${where}: cluster of ${current}: proxy-url is not supported` };
  const given = userOf(user);
  if ("reason" in given) return { reason: `${where}: user of ${current}: ${given.reason}` };
  return {
    server,
    serverName: textOf(cluster.value["tls-server-name"]) || undefined,
    isUnverified: cluster.value["insecure-skip-tls-verify"] === true,
    authority: pemOf(cluster, "certificate-authority"),
    user: given,
    place: `${where}, context ${current}`,
  };
}

function readFile(file: string): { root: JsonObject } | { reason: string; isMissing: boolean } {
  try {
    return { root: objectOf(parse(readFileSync(file, "utf8"), { maxAliasCount: 100 })) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isMissing = code === "ENOENT";
    return { reason: `${file}: ${isMissing ? "no such file" : (message.split("\n")[0] ?? "")}`, isMissing };
  }
}

function userOf(entry: Entry | undefined): ClusterUser | { reason: string } {
  if (entry === undefined) return {};
  const { value, folder } = entry;
  const { token, tokenFile, exec, username } = value as Record<string, unknown>;
  const provider = textOf(objectOf(value["auth-provider"]).name);
  if (provider !== "") return { reason: `auth-provider ${provider} is not supported, an exec plugin is` };
  if (textOf(username) !== "")
    return { reason: "user name and password are not supported, API servers take them no more" };
  const file = textOf(tokenFile);
  return {
    token:
      file !== ""
        ? () => readFileSync(resolve(folder, file), "utf8").trim()
        : textOf(token) === ""
          ? undefined
          : () => textOf(token),
    certificate: pemOf(entry, "client-certificate"),
    key: pemOf(entry, "client-key"),
    exec: exec === undefined ? undefined : pluginOf(objectOf(exec), folder),
  };
}

function pluginOf(exec: JsonObject, folder: string): ExecPlugin {
  const command = textOf(exec.command);
  const environment = listOf(exec.env)
    .map(objectOf)
    .map(({ name, value }) => [textOf(name), textOf(value)] as const);
  return {
    apiVersion: textOf(exec.apiVersion) || "client.authentication.k8s.io/v1",
    // A path is relative to the file, a bare name is looked up.
    command: command.includes("/") ? resolve(folder, command) : command,
    arguments: listOf(exec.args).map(textOf),
    environment: Object.fromEntries(environment),
    installHint: textOf(exec.installHint),
  };
}

/** `NAME-data` is base64 of PEM, `NAME` a file. */
function pemOf({ value, folder }: Entry, name: string): (() => string) | undefined {
  const data = textOf(value[`${name}-data`]);
  if (data !== "") return () => Buffer.from(data, "base64").toString("utf8");
  const file = textOf(value[name]);
  return file === "" ? undefined : () => readFileSync(resolve(folder, file), "utf8");
}
