import { NativeSelect } from "@mantine/core";
import { type Grouping, groupings } from "../view.ts";

const labels: Record<Grouping, string> = {
  peer: "Peers",
  workload: "Workloads",
  namespace: "Namespaces",
  address: "Addresses",
  node: "Machines",
  network: "Networks",
  country: "Countries",
  asn: "Systems (AS)",
  domain: "Domains",
};

/** What one sign on the map stands for. */
export function GroupSelect({ group, onChange }: { group: Grouping; onChange: (group: Grouping) => void }) {
  return (
    <NativeSelect
      aria-label="Draw"
      data-testid="group"
      className="group-select"
      value={group}
      onChange={(event) => onChange(event.currentTarget.value as Grouping)}
      data={groupings.map((value) => ({ value, label: labels[value] }))}
    />
  );
}
