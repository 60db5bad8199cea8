import type { ApiServer, Json } from "./kubernetes-api-server.ts";

/** Puts objects into a real API server as a cluster's own parts would: the kubelet's status of a pod, a controller's references. */
export class ClusterObjects {
  readonly #api: ApiServer;

  constructor(api: ApiServer) {
    this.#api = api;
  }

  async namespace(name: string): Promise<void> {
    await this.#api.request("POST", "/api/v1/namespaces", { metadata: { name } });
  }

  async node(name: string, address: string, podCIDRs: readonly string[]): Promise<void> {
    await this.#api.request("POST", "/api/v1/nodes", {
      metadata: { name },
      spec: { podCIDR: podCIDRs[0], podCIDRs },
    });
    const status = {
      addresses: [
        { type: "InternalIP", address },
        { type: "Hostname", address: name },
      ],
    };
    await this.#api.request("PATCH", `/api/v1/nodes/${name}/status`, { status });
  }

  /** Resolves with its uid. */
  async pod(namespace: string, name: string, given: PodGiven): Promise<string> {
    const {
      addresses,
      node = "node-a",
      owner,
      labels = {},
      hostNetwork = false,
      containerId,
      env = [],
    } = given;
    const made = await this.#api.request("POST", `/api/v1/namespaces/${namespace}/pods`, {
      metadata: {
        name,
        labels,
        ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
      },
      spec: {
        nodeName: node,
        hostNetwork,
        containers: [{ name: "main", image: "registry.invalid/none:1", env }],
      },
    });
    const time = `${new Date().toISOString().slice(0, 19)}Z`;
    const containerStatuses =
      containerId === undefined
        ? []
        : [
            {
              name: "main",
              image: "",
              imageID: "",
              ready: true,
              restartCount: 0,
              containerID: `containerd://${containerId}`,
            },
          ];
    await this.#api.request("PATCH", `/api/v1/namespaces/${namespace}/pods/${name}/status`, {
      status: {
        phase: "Running",
        startTime: time,
        podIP: addresses[0],
        podIPs: addresses.map((ip) => ({ ip })),
        containerStatuses,
      },
    });
    return uidOf(made);
  }

  async deletePod(namespace: string, name: string): Promise<void> {
    await this.#api.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`);
  }

  /** A Deployment and its ReplicaSet, as the controller would make it. Resolves with the reference a pod would have. */
  async deployment(namespace: string, name: string, owner?: Json): Promise<Json> {
    const root = `/apis/apps/v1/namespaces/${namespace}`;
    const labels = { app: name };
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: "main", image: "registry.invalid/none:1" }] },
    };
    const spec = { selector: { matchLabels: labels }, template };
    const ownerReferences = owner === undefined ? [] : [{ ...owner, controller: true }];
    const made = await this.#api.request("POST", `${root}/deployments`, {
      metadata: { name, ownerReferences },
      spec,
    });
    const above = { apiVersion: "apps/v1", kind: "Deployment", name, uid: uidOf(made), controller: true };
    const metadata = { name: `${name}-5d4f8`, ownerReferences: [above] };
    const set = await this.#api.request("POST", `${root}/replicasets`, { metadata, spec });
    return { apiVersion: "apps/v1", kind: "ReplicaSet", name: metadata.name, uid: uidOf(set) };
  }

  async service(namespace: string, name: string, spec: Json): Promise<Json> {
    return await this.#api.request("POST", `/api/v1/namespaces/${namespace}/services`, {
      metadata: { name },
      spec,
    });
  }

  async slice(
    namespace: string,
    service: string,
    pods: readonly { readonly address: string; readonly uid: string }[],
  ): Promise<void> {
    await this.#api.request("POST", `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
      metadata: { name: `${service}-abcde`, labels: { "kubernetes.io/service-name": service } },
      addressType: "IPv4",
      endpoints: pods.map(({ address, uid }) => ({ addresses: [address], targetRef: { kind: "Pod", uid } })),
      ports: [{ port: 8080, protocol: "TCP" }],
    });
  }

  /** An account with a ClusterRole of these rules and nothing more. */
  async account(namespace: string, name: string, rules: readonly object[]): Promise<void> {
    await this.#api.request("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name },
    });
    const root = "/apis/rbac.authorization.k8s.io/v1";
    await this.#api.request("POST", `${root}/clusterroles`, { metadata: { name }, rules });
    await this.#api.request("POST", `${root}/clusterrolebindings`, {
      metadata: { name },
      subjects: [{ kind: "ServiceAccount", namespace, name }],
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    });
  }

  async rules(name: string, rules: readonly object[]): Promise<void> {
    await this.#api.request("PATCH", `/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`, { rules });
  }
}

export interface PodGiven {
  readonly addresses: readonly string[];
  readonly node?: string;
  readonly owner?: Json;
  readonly labels?: Record<string, string>;
  readonly hostNetwork?: boolean;
  readonly containerId?: string;
  readonly env?: readonly object[];
}

export function uidOf(object: Json): string {
  return (object.metadata as { uid: string }).uid;
}
