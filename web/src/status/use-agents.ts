import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Agents } from "../data/answers.ts";
import { fetchAgents } from "../data/api.ts";

const refreshMilliseconds = 5000;
/** Those with something wrong come first. */
const agentsMax = 50;
const listedMax = 1000;

/** Agents on other machines, more of them while they are looked at; undefined before the first answer. */
export function useAgents(isListed: boolean): Agents | undefined {
  const { data } = useQuery({
    queryKey: ["agents", isListed],
    queryFn: ({ signal }) => fetchAgents({ limit: isListed ? listedMax : agentsMax }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: refreshMilliseconds,
    retry: false,
  });
  return data;
}
