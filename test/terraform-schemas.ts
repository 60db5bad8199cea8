import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type InstalledPackages, installPackages } from "./installed-packages.ts";

/** A file of Terraform's language as HashiCorp's own reader gives it: a block is an object in a list, an attribute its value, or text. */
type Body = Readonly<Record<string, unknown>>;

interface Property {
  readonly name: string;
  readonly optional?: boolean;
  readonly type: TypeReference;
}

interface TypeReference {
  readonly fqn?: string;
  readonly union?: { readonly types: readonly TypeReference[] };
  readonly collection?: { readonly kind: "map" | "array"; readonly elementtype: TypeReference };
}

type Types = Readonly<
  Record<string, { readonly properties?: readonly Property[]; readonly interfaces?: readonly string[] }>
>;

/** `version` is that of the packages, made from those of the providers: `hashicorp/helm` 3.1.1, `hashicorp/kubernetes` 2.38.0. */
const version = "12.1.2";
/** What Terraform itself knows in a resource. */
const metaArguments = new Set(["count", "for_each", "depends_on", "lifecycle", "provider", "provisioner"]);

export interface TerraformSchemas {
  /** What a file says that its providers do not know, or leaves out that they want; each with its place. */
  check(name: string, text: string): Promise<readonly string[]>;
}

/** The providers' own schemas, as the types that HashiCorp made of them for cdktf. A text says why they are not there. */
export function loadTerraformSchemas(): TerraformSchemas | string {
  const installed = installPackages("terraform-schemas", version, ["--legacy-peer-deps"]); // the types alone
  if (typeof installed === "string") return installed;
  const { parse } = installed.require("@cdktf/hcl2json") as {
    parse(name: string, text: string): Promise<Record<string, Record<string, unknown>>>;
  };
  const schemas = { helm: readTypes(installed, "helm"), kubernetes: readTypes(installed, "kubernetes") };

  /** Of `kubernetes_service_v1` the type of its settings, in the module named after it. */
  function typeOf(
    kind: string,
    type: string,
  ): { types: Types; fqn: string; isOfBlocks: boolean } | undefined {
    const [provider = "", ...rest] = type.split("_");
    if (provider !== "helm" && provider !== "kubernetes") return undefined;
    const types = schemas[provider];
    const words = kind === "provider" ? [] : kind === "data" ? ["data", provider, ...rest] : rest;
    const module = kind === "provider" ? "provider" : camelCase(words);
    const name = kind === "provider" ? `${pascalCase([provider])}Provider` : pascalCase(words);
    const fqn = `@cdktf/provider-${provider}.${module}.${name}Config`;
    // Helm's provider has nested attributes where that of Kubernetes, made with an older framework, has blocks.
    return types[fqn] === undefined ? undefined : { types, fqn, isOfBlocks: provider === "kubernetes" };
  }

  return {
    async check(name, text) {
      const file = await parse(name, text);
      const problems: string[] = [];
      const checkAll = (kind: string, type: string, place: string, bodies: readonly Body[]) => {
        const known = typeOf(kind, type);
        if (known === undefined) problems.push(`${place}: the provider has no such ${kind}`);
        else for (const body of bodies) checkBody(known, known.fqn, body, place, problems, metaArguments);
      };
      for (const kind of ["resource", "data"])
        for (const [type, named] of Object.entries(file[kind] ?? {}))
          for (const [label, bodies] of Object.entries(named as Record<string, Body[]>))
            checkAll(kind, type, `${name}: ${type}.${label}`, bodies);
      for (const [type, bodies] of Object.entries(file.provider ?? {}))
        checkAll("provider", type, `${name}: provider ${type}`, bodies as Body[]);
      return problems;
    },
  };
}

function readTypes({ folder }: InstalledPackages, provider: string): Types {
  const text = readFileSync(join(folder, `@cdktf/provider-${provider}/.jsii`), "utf8");
  return (JSON.parse(text) as { types: Types }).types;
}

function checkBody(
  schema: { readonly types: Types; readonly isOfBlocks: boolean },
  fqn: string,
  body: Body,
  place: string,
  problems: string[],
  beside: ReadonlySet<string> = new Set(),
): void {
  const properties = new Map(
    (schema.types[fqn]?.properties ?? []).map((property) => [snakeCase(property.name), property]),
  );
  const dynamic = Object.keys((body.dynamic ?? {}) as object);
  for (const [name, { optional }] of properties)
    if (optional !== true && body[name] === undefined && !dynamic.includes(name))
      problems.push(`${place}: ${name} is missing`);
  for (const name of dynamic)
    if (!properties.has(name)) problems.push(`${place}: no block is called ${name}`);
  for (const [name, value] of Object.entries(body)) {
    if (beside.has(name) || name === "dynamic") continue;
    const property = properties.get(name);
    if (property === undefined) {
      problems.push(`${place}: nothing is called ${name}`);
      continue;
    }
    const inner = structOf(property.type);
    const blocks = Array.isArray(value) && value.every((one) => typeof one === "object") ? value : undefined;
    if (inner === undefined || !(inner in schema.types)) {
      if (blocks !== undefined && blocks.length > 0) problems.push(`${place}: ${name} is no block`);
    } else if (schema.isOfBlocks && blocks === undefined) problems.push(`${place}: ${name} is a block`);
    else
      for (const one of blocks ?? [value])
        if (typeof one === "object") checkBody(schema, inner, one as Body, `${place}.${name}`, problems);
  }
}

/** The type of what is within, of one or of each. */
function structOf({ fqn, union, collection }: TypeReference): string | undefined {
  if (fqn !== undefined) return fqn.startsWith("@cdktf/") ? fqn : undefined;
  if (collection !== undefined)
    return collection.kind === "array" ? structOf(collection.elementtype) : undefined;
  return union?.types.map(structOf).find((found) => found !== undefined);
}

function pascalCase(words: readonly string[]): string {
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function camelCase(words: readonly string[]): string {
  return words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join("");
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
