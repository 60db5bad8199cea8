import type { DataLink } from "./panels.ts";

/** Values of a row's fields, escaped for a URL. */
export const field = (name: string) => `\${__data.fields["${name}"]:percentencode}`;
/** Values of a series' labels. */
export const label = (name: string) => `\${__field.labels.${name}:percentencode}`;

export interface PageView {
  /** Filter language, already escaped; values by `field` and `label`. */
  readonly filter?: string;
  readonly group?: "workload" | "namespace" | "address" | "node" | "network";
  readonly view?: "links" | "flows" | "exporters";
  /** An exporter's address, escaped. */
  readonly exporter?: string;
}

/** Portolan's own page at the time of the dashboard. */
export function pageUrl({ filter, group, view, exporter }: PageView = {}): string {
  const parts = [
    "from=${__from}",
    "to=${__to}",
    ...(filter === undefined ? [] : [`filter=${filter}`]),
    ...(group === undefined ? [] : [`group=${group}`]),
    ...(view === undefined ? [] : [`view=${view}`]),
    ...(exporter === undefined ? [] : [`exporter=${exporter}`]),
  ];
  return `\${portolan:raw}/?${parts.join("&")}`;
}

/** `name:"..."` of a value: quotes and the colon as URLs have them. */
export const named = (fieldName: string, value: string) => `${fieldName}%3A%22${value}%22`;

/** A peer as series call it: by its workload where it has one, else by its name. */
export const peer = (value: string, end: "" | "client." | "server." = "") =>
  `(${named(`${end}workload`, value)}%20OR%20${named(`${end}name`, value)})`;

export const toPage = (title: string, view: PageView): DataLink => ({ title, url: pageUrl(view) });
