import { BIGINT, DOUBLE, type DuckDBType, type DuckDBValue, UBIGINT, VARCHAR } from "@duckdb/node-api";

/** Collects the values of a statement. SQL text gets only what these functions return: `$1`, `$2`. */
export class SqlParameters {
  readonly values: DuckDBValue[] = [];
  readonly types: DuckDBType[] = [];

  text(value: string): string {
    return this.#add(value, VARCHAR);
  }

  number(value: number): string {
    return this.#add(value, DOUBLE);
  }

  /** A whole number, so that a comparison with a BIGINT column can skip row groups. */
  integer(value: number): string {
    return this.#add(BigInt(Math.trunc(value)), BIGINT);
  }

  /** Half of an address. */
  half(value: bigint): string {
    return this.#add(value, UBIGINT);
  }

  #add(value: DuckDBValue, type: DuckDBType): string {
    this.types.push(type);
    return `$${this.values.push(value)}`;
  }
}
