import { type DatabaseConnection, rowsOf } from "./database.ts";
import { coarserStatement, rollUpStatement } from "./link-rows.ts";
import type { LinkTable } from "./schema.ts";
import {
  dayMilliseconds,
  floorTo,
  hourMilliseconds,
  minuteMilliseconds,
  type RollUpMarks,
} from "./window-parts.ts";
import { inTransaction } from "./writer.ts";

/**
 * Moves `flow_records` up to an id into `link_minutes`. The mark moves in the same transaction, so that a crash leaves
 * either both or neither, and doing it again changes nothing. After the clock was set back there are records of an hour or
 * a day that is rolled up already: they are added to it.
 */
export async function rollUp(
  connection: DatabaseConnection,
  marks: RollUpMarks,
  throughId: number,
): Promise<RollUpMarks> {
  const { rolledUpId, hoursThrough, daysThrough } = marks;
  await inTransaction(connection, async () => {
    const { sql } = connection;
    await sql.run(rollUpStatement("link_minutes", minuteMilliseconds, rolledUpId, throughId));
    if ((await firstTime(connection, rolledUpId, throughId)) < hoursThrough) {
      await sql.run(rollUpStatement("link_hours", hourMilliseconds, rolledUpId, throughId, hoursThrough));
      await sql.run(rollUpStatement("link_days", dayMilliseconds, rolledUpId, throughId, daysThrough));
    }
    await sql.run(`UPDATE rollup_state SET rolled_up_record_id = ${throughId}`);
  });
  return { ...marks, rolledUpId: throughId };
}

async function firstTime(
  connection: DatabaseConnection,
  afterId: number,
  throughId: number,
): Promise<number> {
  const statement = `SELECT min("collectionTimeMilliseconds")::DOUBLE FROM flow_records
    WHERE record_id > ${afterId} AND record_id <= ${throughId}`;
  const first = (await rowsOf(connection, statement))[0]?.[0];
  return typeof first === "number" ? first : Number.POSITIVE_INFINITY;
}

/** Hours put together at once at most: after an older version there may be months of minutes. */
const hoursAtOnce = 24;
const daysAtOnce = 31;

/** Puts finished minutes into hours, and finished hours into days. Every record from before `now`'s hour has to be in minutes. */
export async function rollUpCoarser(
  connection: DatabaseConnection,
  marks: RollUpMarks,
  now: number,
): Promise<RollUpMarks> {
  const hoursThrough = await advance(connection, {
    ...{ from: "link_minutes", to: "link_hours", mark: "hours_through" },
    ...{ unit: hourMilliseconds, unitsAtOnce: hoursAtOnce },
    ...{ after: marks.hoursThrough, end: floorTo(now, hourMilliseconds) },
  });
  const daysThrough = await advance(connection, {
    ...{ from: "link_hours", to: "link_days", mark: "days_through" },
    ...{ unit: dayMilliseconds, unitsAtOnce: daysAtOnce },
    ...{ after: marks.daysThrough, end: floorTo(hoursThrough, dayMilliseconds) },
  });
  return { ...marks, hoursThrough, daysThrough };
}

interface Step {
  readonly from: LinkTable;
  readonly to: LinkTable;
  readonly mark: "hours_through" | "days_through";
  readonly unit: number;
  readonly unitsAtOnce: number;
  readonly after: number;
  readonly end: number;
}

async function advance(connection: DatabaseConnection, step: Step): Promise<number> {
  const { from, to, mark, unit, unitsAtOnce, after, end } = step;
  if (end <= after) return after;
  const [row] = await rowsOf(connection, `SELECT min("time")::DOUBLE FROM ${from} WHERE "time" >= ${after}`);
  const first = typeof row?.[0] === "number" ? floorTo(row[0], unit) : end;
  const through = Math.min(end, first + unitsAtOnce * unit);
  await inTransaction(connection, async () => {
    const condition = `"time" >= ${after} AND "time" < ${through}`;
    await connection.sql.run(coarserStatement(from, to, condition, unit));
    await connection.sql.run(`UPDATE rollup_state SET ${mark} = ${through}`);
  });
  return through;
}

/** Marks further ahead of the clock than this are of a time when it was wrong. */
const aheadMilliseconds = 2 * hourMilliseconds;

/**
 * After a clock that was believed has been set back: hours and days that are still to come are taken out, and put together anew from
 * their minutes when they are over. Else every minute until then would add rows to hours and days.
 */
export async function lowerMarks(
  connection: DatabaseConnection,
  marks: RollUpMarks,
  now: number,
): Promise<RollUpMarks> {
  if (marks.hoursThrough - now < aheadMilliseconds) return marks;
  const [row] = await rowsOf(connection, "SELECT minutes_from::DOUBLE FROM rollup_state");
  const before = row![0] as number;
  const hoursThrough = floorTo(now, hourMilliseconds);
  const daysThrough = Math.min(marks.daysThrough, floorTo(now, dayMilliseconds));
  const minutesFrom = Math.min(before, hoursThrough);
  await inTransaction(connection, async () => {
    const { sql } = connection;
    // Of hours whose minutes were removed the first minute has all; what came late is in them too.
    const withoutMinutes = `"time" >= ${hoursThrough} AND "time" < ${before}`;
    await sql.run(`DELETE FROM link_minutes WHERE ${withoutMinutes}`);
    await sql.run(`INSERT INTO link_minutes BY NAME FROM link_hours WHERE ${withoutMinutes}`);
    await sql.run(`DELETE FROM link_hours WHERE "time" >= ${hoursThrough}`);
    await sql.run(`DELETE FROM link_days WHERE "time" >= ${daysThrough}`);
    await sql.run(
      `UPDATE rollup_state SET minutes_from = ${minutesFrom}, hours_through = ${hoursThrough}, days_through = ${daysThrough}`,
    );
  });
  return { ...marks, minutesFrom, hoursThrough, daysThrough };
}

/**
 * The last id before the first record of the minute that begins at `time`; `throughId` when there is none. Records of later minutes are
 * of a clock that was ahead: they hold up nothing.
 */
export async function lastIdBefore(
  connection: DatabaseConnection,
  afterId: number,
  throughId: number,
  time: number,
): Promise<number> {
  const [row] = await rowsOf(
    connection,
    `SELECT min(record_id)::DOUBLE FROM flow_records WHERE record_id > ${afterId}
      AND "collectionTimeMilliseconds" >= ${time} AND "collectionTimeMilliseconds" < ${time + minuteMilliseconds}`,
  );
  const first = row?.[0];
  return typeof first === "number" ? first - 1 : throughId;
}
