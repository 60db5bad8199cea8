import { Button } from "@mantine/core";
import type { KubernetesStatus } from "../data/answers.ts";
import { countOf, formatCount } from "../units/units.ts";
import { kubernetesSummary } from "./kubernetes-summary.ts";
import { Lamp, More } from "./more.tsx";

/** What the cluster's API server tells, what it denies and the rule to add, and which of its addresses are nobody's. */
export function KubernetesWord({
  kubernetes,
  onFilter,
}: {
  kubernetes: KubernetesStatus;
  onFilter: (filter: string) => void;
}) {
  const summary = kubernetesSummary(kubernetes);
  if (summary === undefined) return null;
  const { reason, resources, owners, unresolved, counts } = kubernetes;
  const missing = resources.filter(({ state }) => state === "denied" || state === "away");
  const deniedOwners = owners.filter(({ rule }) => rule !== "");
  return (
    <More
      testId="kubernetes"
      word={
        <>
          <Lamp look={summary.look} /> {summary.text}
        </>
      }
    >
      <h3>Kubernetes</h3>
      {missing.length === 0 && <p>{reason}</p>}
      {missing.map((resource) => (
        <Missing key={resource.resource} {...resource} />
      ))}
      {deniedOwners.map((owner) => (
        <Missing key={owner.resource} {...owner} />
      ))}
      <p className="faint">
        {["pod", "service", "node", "namespace"]
          .map((name) => countOf(counts[`${name}s`] ?? 0, name))
          .join(", ")}{" "}
        known
      </p>
      {unresolved.length > 0 && (
        <>
          <h3>Addresses of the cluster that were nobody's</h3>
          {unresolved.map(({ code, reason, count }) => (
            <p key={code}>
              {formatCount(count)}: {reason}
            </p>
          ))}
          <Button size="compact-xs" variant="default" onClick={() => onFilter("unresolved:*")}>
            Show them
          </Button>
        </>
      )}
    </More>
  );
}

function Missing({ resource, reason, rule }: { resource: string; reason: string; rule: string }) {
  return (
    <div className="kubernetes-missing">
      <Lamp look="warning" /> <b>{resource}</b>: {reason}
      {rule !== "" && (
        <div>
          Add to its ClusterRole: <code>{rule}</code>
        </div>
      )}
    </div>
  );
}
