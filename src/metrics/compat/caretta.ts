import type { Metric, Sample } from "../exposition.ts";
import type { LinkTotals } from "../link-series.ts";
import type { PeerLabels } from "../peer-labels.ts";
import { fnv1a32 } from "./fnv.ts";

/** Caretta's roles: whose socket it was. */
const clientRole = 1;
const serverRole = 2;
/** Values of `caretta_tcp_states`. */
const open = 3;
const accepted = 4;
const closed = 5;

type Labels = Readonly<Record<string, string>>;

/**
 * Caretta's metrics of links, TCP only as there. A link is told once per direction, role 1 with what the client sent and role 2 with what the
 * server sent, between the same two names: Caretta tells the client's view as a link to the Service and the server's as one to
 * the workload, and a sum over both counts twice what passed on the way.
 */
export function carettaMetrics(links: () => Iterable<LinkTotals>, sockets: number): Metric[] {
  return [
    {
      name: "caretta_links_observed",
      type: "gauge",
      help: "total bytes_sent value of links observed by caretta since its launch",
      samples: samplesOf(links, ({ bytesSent, bytesReceived }, role) =>
        role === clientRole ? bytesSent : bytesReceived,
      ),
    },
    {
      name: "caretta_tcp_states",
      type: "gauge",
      help: "state of TCP connections observed by caretta",
      samples: samplesOf(links, ({ active }, role) => {
        if (active === 0) return closed;
        return role === clientRole ? open : accepted;
      }),
    },
    {
      name: "caretta_ebpf_connections_map_size",
      type: "gauge",
      help: "number of items in the connections map iterated from user space per iteration",
      samples: [{ value: sockets }],
    },
  ];
}

function* samplesOf(
  links: () => Iterable<LinkTotals>,
  read: (link: LinkTotals, role: number) => number,
): Generator<Sample> {
  for (const link of links()) {
    if (link.protocol !== "tcp" && link.protocol !== "~other") continue;
    for (const role of [clientRole, serverRole])
      yield { labels: carettaLabels(link, role), value: read(link, role) };
  }
}

function carettaLabels({ client, server, port }: LinkTotals, role: number): Labels {
  const [from, to] = [carettaEnd(client), carettaEnd(server)];
  const link = fnv1a32(from.name + from.namespace + to.name + to.namespace);
  return {
    link_id: String((link + role) >>> 0),
    client_id: String(fnv1a32(from.name + from.namespace)),
    client_name: from.name,
    client_namespace: from.namespace,
    client_kind: from.kind,
    client_owner: "",
    server_id: String(fnv1a32(to.name + to.namespace)),
    server_name: to.name,
    server_namespace: to.namespace,
    server_kind: to.kind,
    server_port: port,
    role: String(role),
  };
}

/** What is outside of the cluster is `external`, in the namespace of that name; what runs on a machine itself is in `node`. */
function carettaEnd({ name, namespace, kind }: PeerLabels): PeerLabels {
  if (kind === "host") return { name, namespace: "external", kind: "external" };
  if (kind === "node") return { name, namespace: "node", kind };
  if (kind === "service") return { name, namespace, kind: "Service" };
  const isOnNode = namespace === "" && (kind === "process" || kind === "unit" || kind === "container");
  return isOnNode ? { name, namespace: "node", kind } : { name, namespace, kind };
}
