import { MappingType, type ValueMapping } from "@grafana/grafana-foundation-sdk/dashboard";
import type { FieldOverride } from "./panels.ts";

const words = (
  ...pairs: readonly (readonly [value: string, text: string, color?: string])[]
): ValueMapping => ({
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    pairs.map(([value, text, color], index) => [
      value,
      { text, index, ...(color === undefined ? {} : { color }) },
    ]),
  ),
});

/** Of gauges that are 1 or 0: a word and a colour say more. */
export const onOrOff = words(["1", "on", "green"], ["0", "off", "red"]);
const yesOrNo = words(["1", "yes", "green"], ["0", "no", "red"]);
const noOrYes = words(["0", "no", "green"], ["1", "yes", "red"]);
const unlessSaid = words(["0", "not said"]);

const column = (field: string, mapping: ValueMapping): FieldOverride => ({
  field,
  properties: [
    { id: "mappings", value: [mapping] },
    { id: "custom.cellOptions", value: { type: "color-text" } },
  ],
});

/** Columns of tables, by the names that they are shown by: `good` is good when it is 1, `bad` when it is 0. */
export const good = (field: string) => column(field, yesOrNo);
export const bad = (field: string) => column(field, noOrYes);

/** An exporter that does not say how many packets it looks at may look at each. */
export const sampling: FieldOverride = {
  field: "Sampling, 1 in",
  properties: [{ id: "mappings", value: [unlessSaid] }],
};
