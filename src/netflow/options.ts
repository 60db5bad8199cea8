import { readUnsigned } from "./bytes.ts";
import { elementKeys } from "./element.ts";
import type { RecordWalk } from "./record-walk.ts";
import { SamplingStatement } from "./sampling.ts";
import type { TemplateLayout } from "./template.ts";

/** What one options record says; used again for the next. */
export class OptionsRecord {
  readonly sampling = new SamplingStatement();
  samplerName = "";
  /** ifIndex of the interface it is about: from its scope, or an element that names one; -1 when none. */
  interfaceIndex = -1;
  interfaceName = "";
  interfaceDescription = "";
  systemInitMilliseconds = 0;

  read(template: TemplateLayout, bytes: Uint8Array, walk: RecordWalk): void {
    this.sampling.clear();
    this.samplerName = this.interfaceName = this.interfaceDescription = "";
    this.interfaceIndex = -1;
    this.systemInitMilliseconds = 0;
    for (const { key, span } of template.specials)
      this.#take(key, bytes, walk.offsets[span]!, walk.widths[span]!);
  }

  #take(key: number, bytes: Uint8Array, offset: number, width: number): void {
    if (width === 0) return;
    switch (key) {
      case elementKeys.interfaceScope:
      case elementKeys.ingressInterface:
      case elementKeys.egressInterface:
        if (this.interfaceIndex <= 0) this.interfaceIndex = readUnsigned(bytes, offset, width);
        break;
      case elementKeys.interfaceName:
        this.interfaceName = readText(bytes, offset, width);
        break;
      case elementKeys.interfaceDescription:
        this.interfaceDescription = readText(bytes, offset, width);
        break;
      case elementKeys.samplerName:
      case elementKeys.selectorName:
        this.samplerName = readText(bytes, offset, width);
        break;
      case elementKeys.systemInitTimeMilliseconds:
        this.systemInitMilliseconds = readUnsigned(bytes, offset, width);
        break;
      default:
        this.sampling.take(key, bytes, offset, width);
    }
  }
}

/** Longer names are cut: they are for people, and kept by the thousand. */
const textBytesMax = 255;
const decoder = new TextDecoder();
/** What would move the cursor, turn the writing around or end the line where a name is shown. */
export const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text up to its first NUL: some exporters fill the field with whatever was behind it. */
function readText(bytes: Uint8Array, offset: number, width: number): string {
  const end = offset + Math.min(width, textBytesMax);
  const nul = bytes.subarray(offset, end).indexOf(0);
  const text = decoder.decode(bytes.subarray(offset, nul < 0 ? end : offset + nul));
  return text.replace(unprintable, "").trim();
}
