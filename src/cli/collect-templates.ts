import type { ExporterStatus, TemplateDescription } from "../collector/index.ts";
import { findInformationElementByName } from "../flow/index.ts";

/** Anybody may announce templates, and ask for the list: it is as long as this at most. */
const templatesMax = 10_000;
const fieldsMax = 100_000;

/**
 * What GoFlow2 v2.2.6 answers at `/templates`: by `ADDRESS:PORT`, then by a number made of version, observation domain
 * and template id. Fields of an options template all stand under `options`. Those of the first exporters are told, and how
 * many are left out.
 */
export function listTemplates(exporters: readonly ExporterStatus[]) {
  const bySource: Record<string, Record<string, ReturnType<typeof describe>>> = {};
  let templateCount = 0;
  let fieldCount = 0;
  let leftOutCount = 0;
  for (const { address, templates } of exporters) {
    const host = address.includes(":") ? `[${address}]` : address;
    for (const template of templates) {
      if (templateCount === templatesMax || fieldCount + template.fields.length > fieldsMax) {
        leftOutCount++;
        continue;
      }
      templateCount++;
      fieldCount += template.fields.length;
      const source = `${host}:${template.port}`;
      bySource[source] ??= {};
      bySource[source][keyOf(template)] = describe(template);
    }
  }
  return { bySource, leftOutCount };
}

const versions: Readonly<Record<string, number>> = { netflow9: 9, ipfix: 10 };

function keyOf({ protocol, observationDomainId, id }: TemplateDescription): string {
  const version = BigInt(versions[protocol] ?? 0);
  return String((version << 48n) | (BigInt(observationDomainId) << 16n) | BigInt(id));
}

function describe({ id, isOptions, fields }: TemplateDescription) {
  const described = fields.map(({ name, length }) => {
    const { pen, type } = readName(name);
    return { "pen-provided": pen !== 0, type, length, pen };
  });
  return {
    "template-id": id,
    "field-count": fields.length,
    ...(isOptions ? { options: described } : { fields: described }),
  };
}

/** A registered name, or `ENTERPRISE/ID`. */
function readName(name: string): { pen: number; type: number } {
  const [, pen, id] = /^(\d+)\/(\d+)$/.exec(name) ?? [];
  if (id !== undefined) return { pen: Number(pen), type: Number(id) };
  return { pen: 0, type: findInformationElementByName(name)?.id ?? 0 };
}
