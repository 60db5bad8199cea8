import { above0, external, failed, none, one, opened, type Rows, type Scene, sum } from "./grafana-rows.ts";

/** By panel and query of the dashboard `portolan-external`. */
export function externalFigures({
  externals,
  inNamespace,
  each,
  bits,
}: Scene): Readonly<Record<string, Rows>> {
  const called = externals.filter(({ host }) => host !== "");
  return {
    "external 1 A": bits(sum(externals, none, ({ out }) => out)),
    "external 2 A": bits(sum(externals, none, (one) => one.in)),
    "external 3 A": each(sum(externals, none, ({ told }) => opened(told))),
    "external 4 A": one(
      new Set(externals.filter((one) => external.both(one) > 0).map(({ other }) => other.place!.country))
        .size,
    ),
    "external 10 A": above0(bits(sum(externals, external.country, external.both))),
    "external 11 A": above0(bits(sum(externals, external.country, external.both))),
    "external 12 A": above0(bits(sum(externals, external.system, external.both))),
    "external 20 A": bits(sum(externals, external.country, external.both)),
    "external 21 A": bits(sum(externals, external.peer, ({ out }) => out)),
    "external 21 B": bits(sum(externals, external.peer, (one) => one.in)),
    "external 30 traffic": bits(sum(called, external.host, external.both)),
    "external 30 connections": each(sum(called, external.host, ({ told }) => opened(told))),
    "external 30 failed": each(sum(called, external.host, ({ told }) => failed(told))),
    // Whoever was called in the window was called before it: the newcomer comes later.
    "external 31 A": [],
    "external 32 A": bits(
      sum(
        inNamespace.filter((one) => one.direction === "inbound"),
        (one) => ({
          ...external.peer(one),
          country: one.other.place!.country,
          as_name: one.other.place!.asName,
        }),
        external.both,
      ),
    ),
    "external 33 A": above0(
      each(
        sum(
          called,
          ({ host }) => ({ host }),
          ({ told }) => failed(told),
        ),
      ),
    ),
  };
}
