import { externalFigures } from "./grafana-figures-external.ts";
import { flowsFigures } from "./grafana-figures-flows.ts";
import { itselfFigures } from "./grafana-figures-itself.ts";
import { topologyFigures } from "./grafana-figures-topology.ts";
import { type Choice, type Rows, sceneOf, type Window } from "./grafana-rows.ts";
import { everyRound, late } from "./grafana-traffic.ts";

/**
 * What every query of the dashboards over Prometheus has to answer: all rows, with all labels, and figures of what was sent alone. By dashboard, panel and
 * query. What is undefined is told later than the rest: see the test.
 */
export function figuresOf(window: Window, choice: Choice = {}): Readonly<Record<string, Rows | undefined>> {
  const scene = sceneOf(window, choice);
  return {
    ...topologyFigures(scene),
    ...flowsFigures(scene),
    ...externalFigures(scene),
    ...itselfFigures(scene),
  };
}

/** When the agent has called the newcomer: who is new. */
export const newcomers: Rows = [
  [
    {
      ...{ peer: late.client.name, peer_namespace: late.client.namespace, host: late.server.name },
      ...{ country: late.server.place!.country, as_name: late.server.place!.asName },
    },
    late.sent,
  ],
];

/** What the dashboards' variables have to offer, of the cluster. */
export const variableValues: Readonly<Record<string, readonly string[]>> = {
  ...{ "topology job": ["cluster", "pushed"], "flows job": ["cluster", "pushed"] },
  ...{ "external job": ["cluster", "pushed"], "itself job": ["cluster", "pushed"] },
  ...{ "topology namespace": ["shop"], "external namespace": ["shop"] },
  "flows exporter": [...new Set(everyRound.map(({ observer }) => observer))],
};

/** Of an agent on this machine: see grafana-agent.ts. */
export const agentQueries = [
  ...["topology 40 A", "topology 41 A", "topology 41 B", "topology 42 A"],
  ...["itself 2 A", "itself 3 A", "itself 4 A", "itself 10 A", "itself 10 B"],
] as const;
