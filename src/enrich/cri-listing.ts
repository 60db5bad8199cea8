import { cleanText } from "../flow/index.ts";
import { containerNameOf } from "./container-text.ts";
import { type GrpcConnection, isUnimplemented } from "./cri-call.ts";
import {
  type CriContainer,
  type CriSandbox,
  readContainers,
  readSandboxes,
  readVersion,
} from "./cri-messages.ts";

export interface CriListing {
  /** Name and version: `containerd 1.7.27`. */
  readonly runtime: string;
  /** Ids and names of its containers and of their sandboxes. */
  readonly names: readonly [containerId: string, name: string][];
}

/** Newest first; Kubernetes dropped the other with 1.26, containerd with 2.0. */
const services = ["runtime.v1.RuntimeService", "runtime.v1alpha2.RuntimeService"] as const;
const versionLengthMax = 60;
/** Every request is one without fields: for all there is. */
const nothing = new Uint8Array();

/**
 * Asks for the version and both lists, one after the other; sandboxes last, so that a container that is listed has one. Rejects
 * as the connection does, and with words that begin with "its".
 */
export async function listCri(connection: GrpcConnection): Promise<CriListing> {
  const { service, version } = await askVersion(connection);
  const containers = readContainers(await connection.call(`/${service}/ListContainers`, nothing));
  if (containers === undefined) throw new Error("its list of containers is not one");
  const sandboxes = readSandboxes(await connection.call(`/${service}/ListPodSandbox`, nothing));
  if (sandboxes === undefined) throw new Error("its list of pods is not one");
  return { runtime: version, names: namesOf(containers, sandboxes) };
}

async function askVersion(
  connection: GrpcConnection,
  [service = "", ...older]: readonly string[] = services,
): Promise<{ service: string; version: string }> {
  try {
    const version = readVersion(await connection.call(`/${service}/Version`, nothing));
    if (version === undefined) throw new Error("its version is not one");
    return { service, version: cleanText(version, versionLengthMax) || "a runtime without a name" };
  } catch (error) {
    if (isUnimplemented(error) && older.length > 0) return askVersion(connection, older);
    throw error;
  }
}

/** By what the runtime says of container and sandbox; by the kubelet's labels where the sandbox is gone already. */
function namesOf(containers: readonly CriContainer[], sandboxes: readonly CriSandbox[]): [string, string][] {
  const names: [string, string][] = [];
  const byId = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
  for (const { id, pod, namespace } of sandboxes) names.push([id, nameOf(pod, namespace, "")]);
  for (const { id, sandboxId, name, labels } of containers) {
    const { pod, namespace } = byId.get(sandboxId) ?? { pod: "", namespace: "" };
    names.push([id, pod === "" ? containerNameOf(Object.fromEntries(labels)) : nameOf(pod, namespace, name)]);
  }
  return names.filter(([, name]) => name !== "");
}

function nameOf(pod: string, namespace: string, container: string): string {
  return containerNameOf({
    "io.kubernetes.pod.name": pod,
    "io.kubernetes.pod.namespace": namespace,
    "io.kubernetes.container.name": container,
  });
}
