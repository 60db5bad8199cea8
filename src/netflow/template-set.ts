import { isZeroFilled, readUnsigned16, readUnsigned32 } from "./bytes.ts";
import { elementKey, scopeKey } from "./element.ts";
import { ipfix } from "./message.ts";
import type { FieldSpecifier, TemplateLayout } from "./template.ts";

/** A template as it stands in its set: where it begins and ends, not yet looked into. */
export interface TemplateAnnouncement {
  id: number;
  isOptions: boolean;
  /** 0 withdraws the template (RFC 7011 §8.1). */
  fieldCount: number;
  /** How many of the fields are scope; v9 has them in a number space of their own. */
  scopeFieldCount: number;
  fieldsStart: number;
  start: number;
  end: number;
}

/**
 *  Template (set 0 in v9, 2 in IPFIX)        v9 options template (set 1)          IPFIX options template (set 3)
 *  +-------------+-------------+             +-------------+-------------+        +-------------+-------------+
 *  | template id | field count |             | template id | scope bytes |        | template id | field count |
 *  +-------------+-------------+             +-------------+-------------+        +-------------+-------------+
 *  | element     | length      | ...         | option bytes| scope type  | ...    | scope count | element     | ...
 *  +-------------+-------------+             +-------------+-------------+        +-------------+-------------+
 *
 * Reads the announcement at `start`. Undefined when it runs over `end` or contradicts itself; then nothing behind it
 * in the set can be found either. "padding" when only zeros are left.
 */
export function readTemplateAnnouncement(
  bytes: Uint8Array,
  start: number,
  end: number,
  version: number,
  isOptions: boolean,
): TemplateAnnouncement | "padding" | undefined {
  if (end - start < 4 || readUnsigned16(bytes, start) === 0) {
    return isZeroFilled(bytes, start, end) ? "padding" : undefined;
  }
  const id = readUnsigned16(bytes, start);
  const second = readUnsigned16(bytes, start + 2);
  const announcement = {
    id,
    isOptions,
    fieldCount: second,
    scopeFieldCount: 0,
    fieldsStart: start + 4,
    start,
    end,
  };
  if (isOptions && (version !== ipfix || second > 0)) {
    if (end - start < 6) return undefined;
    const third = readUnsigned16(bytes, start + 4);
    announcement.fieldsStart = start + 6;
    if (version === ipfix) announcement.scopeFieldCount = third;
    else {
      if (second % 4 !== 0 || third % 4 !== 0) return undefined;
      announcement.scopeFieldCount = second / 4;
      announcement.fieldCount = (second + third) / 4;
    }
    if (announcement.scopeFieldCount > announcement.fieldCount) return undefined;
  }
  const fieldsEnd = findFieldsEnd(bytes, announcement, version);
  if (fieldsEnd === undefined) return undefined;
  announcement.end = fieldsEnd;
  return announcement;
}

function findFieldsEnd(
  bytes: Uint8Array,
  announcement: TemplateAnnouncement,
  version: number,
): number | undefined {
  const { fieldCount, fieldsStart, end } = announcement;
  let offset = fieldsStart;
  for (let i = 0; i < fieldCount; i++) {
    if (offset + 4 > end) return undefined;
    offset += version === ipfix && bytes[offset]! >= 0x80 ? 8 : 4;
  }
  return offset <= end ? offset : undefined;
}

/** The announcement's fields; RFC 7011 §3.2: the high bit says that an enterprise number follows, in IPFIX only. */
export function readFieldSpecifiers(
  bytes: Uint8Array,
  { fieldCount, scopeFieldCount, fieldsStart }: TemplateAnnouncement,
  version: number,
): FieldSpecifier[] {
  const fields: FieldSpecifier[] = [];
  let offset = fieldsStart;
  for (let i = 0; i < fieldCount; i++) {
    const id = readUnsigned16(bytes, offset);
    const length = readUnsigned16(bytes, offset + 2);
    const hasEnterprise = version === ipfix && id >= 0x8000;
    if (version !== ipfix && i < scopeFieldCount) fields.push({ key: scopeKey(id), length });
    else if (hasEnterprise)
      fields.push({ key: elementKey(readUnsigned32(bytes, offset + 4), id & 0x7fff), length });
    else fields.push({ key: elementKey(0, id), length });
    offset += hasEnterprise ? 8 : 4;
  }
  return fields;
}

/** The announcement as it stood in its set. */
export function writeAnnouncement(id: number, { definition }: TemplateLayout): Uint8Array {
  const bytes = new Uint8Array(2 + definition.length);
  bytes[0] = id >>> 8;
  bytes[1] = id & 0xff;
  bytes.set(definition, 2);
  return bytes;
}

/** The fields of a layout that was kept: its definition was read before. */
export function readAnnouncedFields(layout: TemplateLayout): FieldSpecifier[] {
  const bytes = writeAnnouncement(256, layout);
  const announcement = readTemplateAnnouncement(bytes, 0, bytes.length, layout.version, layout.isOptions);
  return typeof announcement === "object" ? readFieldSpecifiers(bytes, announcement, layout.version) : [];
}
