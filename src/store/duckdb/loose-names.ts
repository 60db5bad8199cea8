import type { AskedRow } from "./asked-buffer.ts";
import { gatherAsked } from "./asked-table.ts";
import { type DatabaseConnection, rowsOf } from "./database.ts";
import { floorTo, hourMilliseconds } from "./window-parts.ts";

/** Rows of an hour are put together before it is over when there are so many, and as many as were left the last time. */
const looseMax = 50_000;

/** By the clock there are one or two at a time. Rows of further ones stay apart, which is as right and only larger. */
const hoursMax = 64;

/** At an end shortly after a full hour two have loose rows. */
const lastHours = 2;

interface Hour {
  /** Rows written since they were last put together. */
  loose: number;
  /** Rows that were left then. */
  readonly gathered: number;
}

/** The hours of `asked_names` that have rows of several commits. When the clock was set back that is an hour long ago, and not those after it. */
export class LooseNames {
  readonly #hours = new Map<number, Hour>();

  /** The process before may have left some in the hours that were written last: by their place in the table, whatever the clock said. */
  async load(connection: DatabaseConnection): Promise<void> {
    const last = await rowsOf(
      connection,
      `SELECT "time"::DOUBLE FROM asked_names GROUP BY "time" ORDER BY max(rowid) DESC LIMIT ${lastHours}`,
    );
    this.add(last.map(([time]) => ({ time: time as number })));
  }

  /** What was committed. */
  add(rows: readonly Pick<AskedRow, "time">[]): void {
    for (const { time } of rows) {
      const hour = this.#hours.get(time);
      if (hour !== undefined) hour.loose++;
      else if (this.#hours.size < hoursMax) this.#hours.set(time, { loose: 1, gathered: 0 });
    }
  }

  /**
   * Puts together the hours that are not `now`'s (unix ms), and that one when enough is loose; gives how many it put together. As each time
   * reads all rows of the hour, it waits for as many as there are: so a row is read a few times, however many come.
   */
  async gather(connection: DatabaseConnection, now: number): Promise<number> {
    const current = floorTo(now, hourMilliseconds);
    let count = 0;
    for (const [time, { loose, gathered }] of this.#hours) {
      if (time === current && loose < Math.max(looseMax, gathered)) continue;
      if (loose > 0) {
        const left = await gatherAsked(connection, time);
        this.#hours.set(time, { loose: 0, gathered: left });
        count++;
      }
      if (time !== current) this.#hours.delete(time);
    }
    return count;
  }
}
