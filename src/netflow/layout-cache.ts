import { compileLayout, type TemplateLayout } from "./template.ts";
import { readFieldSpecifiers, type TemplateAnnouncement } from "./template-set.ts";

/**
 * Layouts by the bytes that announce them: exporters of one make announce the same ones by the thousand. Which templates
 * use a layout it does not know; one that falls out lives on with those, and is only not shared with new ones.
 */
export class LayoutCache {
  readonly #layoutsMax: number;
  readonly #fieldsMax: number;
  /** Half of the room each: when the recent ones fill it they become the older, and what nobody asked for again falls out. */
  #recent = new Map<string, TemplateLayout>();
  #older = new Map<string, TemplateLayout>();
  #recentFieldCount = 0;
  compiledCount = 0;

  constructor(layoutsMax = 4096, fieldsMax = 65_536) {
    this.#layoutsMax = layoutsMax;
    this.#fieldsMax = fieldsMax;
  }

  /** The layout of an announcement, compiled when it is not there; undefined when it is not valid. */
  take(version: number, bytes: Uint8Array, announcement: TemplateAnnouncement): TemplateLayout | undefined {
    const { isOptions, start, end } = announcement;
    const key = layoutKey(version, isOptions, bytes, start + 2, end);
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const layout = this.#older.get(key) ?? this.#compile(version, bytes, announcement);
    if (layout !== undefined) this.#keep(key, layout);
    return layout;
  }

  #keep(key: string, layout: TemplateLayout): void {
    const isFull =
      this.#recent.size >= this.#layoutsMax / 2 ||
      this.#recentFieldCount + layout.fieldCount > this.#fieldsMax / 2;
    if (isFull) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentFieldCount = 0;
    }
    this.#recent.set(key, layout);
    this.#recentFieldCount += layout.fieldCount;
  }

  #compile(
    version: number,
    bytes: Uint8Array,
    announcement: TemplateAnnouncement,
  ): TemplateLayout | undefined {
    const { isOptions, start, end } = announcement;
    this.compiledCount++;
    const fields = readFieldSpecifiers(bytes, announcement, version);
    return compileLayout(version, isOptions, fields, bytes.slice(start + 2, end));
  }
}

/** Exact: a character for each byte, in front of them the version and the kind. */
function layoutKey(
  version: number,
  isOptions: boolean,
  bytes: Uint8Array,
  start: number,
  end: number,
): string {
  const definition = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
  return `${version}${isOptions ? "o" : "d"}${definition}`;
}
