import type { FlowBatch } from "../flow/index.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type AppendValue, bytesOf, type LineField } from "./line-field.ts";
import { lineFields } from "./line-fields.ts";
import { isColumnEmpty } from "./record-values.ts";

/** What is around names and values. */
interface LineStyle {
  readonly open: string;
  readonly close: string;
  readonly quote: string;
  readonly separator: string;
  readonly sign: string;
}

export const jsonStyle: LineStyle = { open: "{", close: "}", quote: '"', separator: ",", sign: ":" };
export const textStyle: LineStyle = { open: "", close: "", quote: "", separator: " ", sign: "=" };

/**
 * Prepares for a batch; the answer appends one row's line. Fields that are empty in the whole batch are part of the fixed
 * text between the others, which is most of a line: one copy instead of many values.
 */
export function prepareLines(
  style: LineStyle,
  separator: string,
  batch: FlowBatch,
  writer: ByteWriter,
): AppendValue {
  const quote = bytesOf(style.quote);
  const texts: Uint8Array[] = [];
  const values: AppendValue[] = [];
  let text = style.open;
  lineFields.forEach((field, i) => {
    const [before, after] = aroundValue(field, style);
    text += `${i === 0 ? "" : style.separator}${style.quote}${field.name}${style.quote}${style.sign}${before}`;
    if (field.columns.every((column) => isColumnEmpty(batch, column))) text += field.emptyText;
    else {
      texts.push(bytesOf(text));
      values.push(field.bind(batch, writer, quote));
      text = "";
    }
    text += after;
  });
  const last = bytesOf(text + style.close + separator);
  return (row) => {
    for (let i = 0; i < values.length; i++) {
      writer.appendBytes(texts[i]!);
      values[i]!(row);
    }
    writer.appendBytes(last);
  };
}

function aroundValue({ kind }: LineField, { quote }: LineStyle): readonly [string, string] {
  switch (kind) {
    case "number":
      return ["", ""];
    case "text":
      return [quote, quote];
    case "numbers":
    case "texts":
      return ["[", "]"];
  }
}
