import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { fetchValues } from "../data/api.ts";
import { completionQuestion } from "./completion.ts";

const pauseMilliseconds = 180;
const valuesMax = 12;
const none: readonly string[] = [];

/** What the server knows of the field at the caret; asked after a pause, and given up when typing goes on. */
export function useAskedValues(
  typed: { readonly text: string; readonly caret: number } | undefined,
): readonly string[] {
  const [paused] = useDebouncedValue(typed, pauseMilliseconds);
  const question = paused && completionQuestion(paused.text, paused.caret);
  const { data } = useQuery({
    queryKey: ["values", question?.field, question?.prefix],
    queryFn: ({ signal }) => fetchValues({ ...question, limit: valuesMax }, signal),
    enabled: question !== undefined && typed === paused,
    staleTime: 60_000,
    gcTime: 60_000,
  });
  // An answer to what was typed before would offer what does not begin so.
  return typed === paused && question !== undefined ? (data?.values ?? none) : none;
}
