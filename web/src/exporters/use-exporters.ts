import { useQuery } from "@tanstack/react-query";
import type { Exporters, ExporterWhole } from "../data/answers.ts";
import { fetchExporter, fetchExporters } from "../data/api.ts";
import { ProblemError } from "../data/problem.ts";

const refreshMilliseconds = 2000;
/** For the mark in the status line, and for lists so long that they are work. */
const slowMilliseconds = 6000;
const exportersMax = 2000;

/** All exporters while they are looked at, else only how many are in trouble. Asked again while the page is visible. */
export function useExporters(isListed: boolean): { exporters: Exporters | undefined; isAway: boolean } {
  const { data, isError } = useQuery({
    queryKey: ["exporters", isListed],
    queryFn: ({ signal }) => fetchExporters({ view: "brief", limit: isListed ? exportersMax : 0 }, signal),
    refetchInterval: (query) =>
      isListed && (query.state.data?.exporters.length ?? 0) <= 500 ? refreshMilliseconds : slowMilliseconds,
    retry: false,
  });
  return { exporters: data, isAway: isError };
}

export interface ExporterAnswer {
  readonly exporter: ExporterWhole | undefined;
  /** Why there is none, or why it is no longer fresh. */
  readonly error: string | undefined;
}

export function useExporter(address: string): ExporterAnswer {
  const { data, error } = useQuery({
    queryKey: ["exporter", address],
    queryFn: ({ signal }) => fetchExporter(address, signal),
    refetchInterval: refreshMilliseconds,
    retry: false,
  });
  const isGone = error instanceof ProblemError && error.problem.status === 404;
  const words = error instanceof ProblemError ? error.message : "The server does not answer.";
  return {
    exporter: isGone ? undefined : data,
    error: error === null ? undefined : words,
  };
}
