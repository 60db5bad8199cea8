/** Rules for Prometheus, plain; `render.ts` writes them as a PrometheusRule too. */
export interface RuleGroup {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly (RecordingRule | AlertingRule)[];
}

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly keep_firing_for?: string;
  readonly labels: { readonly severity: "critical" | "warning" | "info" };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly dashboard: string;
  };
}

/** Where Grafana shows more of it. */
type Page = "topology" | "flows" | "external" | "itself";

function alert(
  name: string,
  severity: AlertingRule["labels"]["severity"],
  expr: string,
  lasting: string,
  [summary, description, page]: readonly [summary: string, description: string, page: Page],
): AlertingRule {
  return {
    ...{ alert: `Portolan${name}`, expr, for: lasting, labels: { severity } },
    annotations: { summary, description, dashboard: `/d/portolan-${page}` },
  };
}

const workload = "job, client_namespace, client, server_namespace, server";
const tried = `(sum by (${workload}) (rate(portolan_link_failed_connections_total[5m])) + sum by (${workload}) (rate(portolan_link_connections_total[5m])))`;

/** What dashboards and alerts of one's own ask often, and what is kept for long: few series, by workload and country. */
const recording: RuleGroup = {
  name: "portolan.recording",
  rules: [
    {
      record: "workload:portolan_link_bytes:rate5m",
      expr: `sum by (${workload}) (rate(portolan_link_sent_bytes_total[5m])) + sum by (${workload}) (rate(portolan_link_received_bytes_total[5m]))`,
    },
    {
      record: "workload:portolan_link_failed_connections:ratio_rate5m",
      expr: `sum by (${workload}) (rate(portolan_link_failed_connections_total[5m])) / (${tried} > 0)`,
    },
    {
      record: "workload:portolan_link_rtt_seconds:p90_rate5m",
      expr: `histogram_quantile(0.9, sum by (le, job, server_namespace, server) (rate(portolan_link_rtt_seconds_bucket[5m])))`,
    },
    {
      record: "country:portolan_external_bytes:rate5m",
      expr: "sum by (job, country) (rate(portolan_external_sent_bytes_total[5m])) + sum by (job, country) (rate(portolan_external_received_bytes_total[5m]))",
    },
    {
      record: "exporter:portolan_collector_lost:ratio_rate5m",
      expr: "sum by (job, exporter) (rate(portolan_collector_lost_total[5m])) / (sum by (job, exporter) (rate(portolan_collector_lost_total[5m])) + sum by (job, exporter) (rate(portolan_collector_received_total[5m])) > 0)",
    },
  ],
};

/** Prometheus forgets after a day who was heard once: a router that was taken away, a node that a cluster let go. */
const lastSeen = "portolan_collector_last_seen_timestamp_seconds";
const ofExporter = "on (job, instance, exporter)";
const isHeard = `and ${ofExporter} time() - ${lastSeen} < 600`;
const ofAgent = "on (job, instance, agent)";

/**
 * Silent is who was heard for more than ten minutes of the last day, and then no more: whoever sent something once, to try it, is not. The time it was last
 * heard counts also from before the server was started anew, by which exporters are forgotten; without a server all would be silent.
 */
const exporterSilent =
  `time() - max by (job, exporter) (max_over_time(${lastSeen}[1d])) > 300 and on (job, exporter) ` +
  `max by (job, exporter) (max_over_time(${lastSeen}[1d])) - min by (job, exporter) (min_over_time(${lastSeen}[1d])) > 600 ` +
  "and on (job) portolan_collector_exporters";

const seeing: RuleGroup = {
  name: "portolan.seeing",
  rules: [
    alert(
      "AgentOff",
      "critical",
      "portolan_agent_up == 0 and on (job, instance) portolan_agent_wanted == 1",
      "10m",
      [
        "The agent of {{ $labels.instance }} reads no connections",
        "TCP connections of this machine are not seen. `portolan doctor` there says what is missing.",
        "itself",
      ],
    ),
    alert(
      "AgentGone",
      "critical",
      `portolan_remote_agent_up == 0 unless ${ofAgent} (portolan_remote_agent_left == 1 or ${ofAgent} time() - portolan_remote_agent_last_seen_timestamp_seconds > 86400)`,
      "5m",
      [
        "The agent of {{ $labels.agent }} is silent",
        "Nothing was heard of it for more than five minutes, and it did not say that it stops. What it saw meanwhile waits in its spool, if it runs. After a day it is told no more.",
        "itself",
      ],
    ),
    alert(
      "AgentBlind",
      "critical",
      `portolan_remote_agent_part_up{part="tcp"} == 0 and ${ofAgent} portolan_remote_agent_up == 1`,
      "10m",
      [
        "The agent of {{ $labels.agent }} reads no connections",
        "TCP connections of that machine are not seen. `portolan doctor` there says what is missing.",
        "itself",
      ],
    ),
    alert(
      "AgentPartOff",
      "info",
      `portolan_remote_agent_part_up{part!="tcp"} == 0 and ${ofAgent} portolan_remote_agent_up == 1`,
      "30m",
      [
        "{{ $labels.part }} is off in the agent of {{ $labels.agent }}",
        "The page's status says why. Where it is meant to be off, silence this.",
        "itself",
      ],
    ),
    alert(
      "AgentSpoolGrows",
      "warning",
      "portolan_remote_agent_spool_messages > 60 and deriv(portolan_remote_agent_spool_messages[10m]) > 0",
      "10m",
      [
        "Messages wait in the spool of {{ $labels.agent }}",
        "{{ $value }} messages wait to be sent, and they become more. What does not fit is given up.",
        "itself",
      ],
    ),
    alert("ExporterSilent", "critical", exporterSilent, "2m", [
      "Exporter {{ $labels.exporter }} is silent",
      "Nothing has come from it for {{ $value | humanizeDuration }}. After a day it is told no more.",
      "flows",
    ]),
    alert("TemplatesMissing", "warning", `portolan_collector_missing_templates > 0 ${isHeard}`, "30m", [
      "Data of {{ $labels.exporter }} wait for their template",
      "{{ $value }} templates were never sent: let the exporter send them more often (a refresh of at most some minutes).",
      "flows",
    ]),
    alert("ClockSkew", "warning", `abs(portolan_collector_clock_skew_seconds) > 60 ${isHeard}`, "30m", [
      "The clock of {{ $labels.exporter }} is off by {{ $value | humanizeDuration }}",
      "Flows are shown at the time Portolan saw them; the exporter's own times are wrong.",
      "flows",
    ]),
    alert("KubernetesAway", "warning", "portolan_kubernetes_up == 0", "10m", [
      "The API server cannot be asked",
      "What is known of the cluster stays; new pods go by their ids and addresses.",
      "itself",
    ]),
    alert("KubernetesDenied", "warning", "portolan_kubernetes_watch_denied == 1", "10m", [
      "The API server denies {{ $labels.resource }}",
      "A rule is missing in Portolan's ClusterRole; the page's status says which.",
      "itself",
    ]),
  ],
};

const losing: RuleGroup = {
  name: "portolan.losing",
  rules: [
    alert("ExporterLoss", "warning", "exporter:portolan_collector_lost:ratio_rate5m > 0.01", "10m", [
      "{{ $value | humanizePercentage }} of what {{ $labels.exporter }} sends is lost",
      "Sequence numbers are missing. If the kernel drops nothing here, the loss is on the way.",
      "flows",
    ]),
    alert("KernelDrops", "warning", "rate(portolan_collector_kernel_drops_total[5m]) > 0", "10m", [
      "The kernel has no room for datagrams on {{ $labels.listener }}",
      "{{ $value }} a second are thrown away: raise net.core.rmem_max, or exporters.workers.",
      "flows",
    ]),
    alert("Drops", "warning", "sum by (job, instance, reason) (rate(portolan_drops_total[5m])) > 1", "15m", [
      "{{ $labels.reason }}: {{ $value }} a second are given up",
      "Packets or records are given up for this reason; the source is on the dashboard.",
      "itself",
    ]),
    alert("SeriesLimit", "info", "portolan_metrics_series >= portolan_metrics_series_limit", "1h", [
      "Not all {{ $labels.of }} are told by name",
      "metrics.limit is reached: the lighter ones are ~other. Raise it if Prometheus has room, or leave it.",
      "itself",
    ]),
    alert("RemoteWriteFails", "critical", "rate(portolan_remote_write_sent_samples_total[10m]) == 0", "10m", [
      "Remote write to {{ $labels.receiver }} does not succeed",
      "No sample was taken for ten minutes: the receiver is away, or refuses them. The log says why; the oldest leave when the queue is full.",
      "itself",
    ]),
  ],
};

const keeping: RuleGroup = {
  name: "portolan.keeping",
  rules: [
    alert(
      "Down",
      "critical",
      'up == 0 and on (job, instance) (up{job=~".*portolan.*"} or last_over_time(portolan_build_info[1d]))',
      "5m",
      [
        "{{ $labels.instance }} does not answer scrapes",
        "Nothing is known of it until it answers again. One that never did is known by its job's name.",
        "itself",
      ],
    ),
    alert(
      "Gone",
      "critical",
      "absent(portolan_store_up) and on () count(last_over_time(portolan_store_up[1d])) unless on () (up == 0 and on (job, instance) last_over_time(portolan_store_up[1d]))",
      "5m",
      [
        "There is no Portolan server any more",
        "Prometheus has no target that tells of a store, nor does anybody push such figures; within the last day it had. The Service, its monitor or the scrape job may be gone.",
        "itself",
      ],
    ),
    alert("StoreDown", "critical", "portolan_store_up == 0", "5m", [
      "The store of {{ $labels.instance }} does not answer",
      "The live map goes on; history is not written. The log says why.",
      "itself",
    ]),
    alert("StoreFull", "info", "portolan_store_bytes > 0.95 * portolan_store_limit_bytes", "1h", [
      "The store of {{ $labels.instance }} is full",
      "The oldest leaves before its time: raise store.size to keep it as long as store.flows and store.links say.",
      "itself",
    ]),
    alert(
      "DiskFull",
      "critical",
      "portolan_store_disk_free_bytes / portolan_store_disk_bytes < 0.03",
      "10m",
      [
        "The disk of {{ $labels.instance }} is nearly full",
        "{{ $value | humanizePercentage }} is left where the data folder is.",
        "itself",
      ],
    ),
  ],
};

const traffic: RuleGroup = {
  name: "portolan.traffic",
  rules: [
    alert(
      "LinkFailing",
      "warning",
      `workload:portolan_link_failed_connections:ratio_rate5m > 0.5 and ${tried} > 0.05`,
      "10m",
      [
        "{{ $labels.client }} does not reach {{ $labels.server }}",
        "{{ $value | humanizePercentage }} of its connections never open.",
        "topology",
      ],
    ),
    alert(
      "DnsFailing",
      "warning",
      "sum by (job, instance, resolver) (rate(portolan_agent_dns_timeouts_total[5m])) / (sum by (job, instance, resolver) (rate(portolan_agent_dns_queries_total[5m])) > 0) > 0.2",
      "10m",
      [
        "Resolver {{ $labels.resolver }} does not answer",
        "{{ $value | humanizePercentage }} of the questions are without an answer.",
        "topology",
      ],
    ),
  ],
};

export const ruleGroups: readonly RuleGroup[] = [recording, seeing, losing, keeping, traffic];
