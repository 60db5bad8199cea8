import { useQuery } from "@tanstack/react-query";
import type { Agents } from "../data/answers.ts";
import { fetchAgents } from "../data/api.ts";

const refreshMilliseconds = 5000;
/** Those with something wrong come first. */
const agentsMax = 50;

/** Agents on other machines; undefined before the first answer. */
export function useAgents(): Agents | undefined {
  const { data } = useQuery({
    queryKey: ["agents"],
    queryFn: ({ signal }) => fetchAgents({ limit: agentsMax }, signal),
    refetchInterval: refreshMilliseconds,
    retry: false,
  });
  return data;
}
