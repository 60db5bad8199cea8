import type { DataTransformerConfig } from "@grafana/grafana-foundation-sdk/dashboard";

/**
 * Rows of several queries side by side where their labels are the same, without the time, columns called as said and in that order. The
 * names are shown ones: fields keep theirs, which links to values go by.
 */
export function merged(
  columns: Readonly<Record<string, string>>,
  hidden: readonly string[] = [],
): DataTransformerConfig[] {
  return [
    { id: "merge", options: {} },
    {
      id: "organize",
      options: {
        excludeByName: Object.fromEntries(["Time", ...hidden].map((name) => [name, true])),
        indexByName: Object.fromEntries(Object.keys(columns).map((name, index) => [name, index])),
        renameByName: columns,
      },
    },
  ];
}

export const sortedBy = (fieldName: string): DataTransformerConfig => ({
  id: "sortBy",
  options: { fields: {}, sort: [{ field: fieldName, desc: true }] },
});
