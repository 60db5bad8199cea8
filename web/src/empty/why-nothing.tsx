import { useQuery } from "@tanstack/react-query";
import { fetchMap } from "../data/api.ts";
import { words } from "../filter/filter-text.ts";
import { type TimeRange, timeParams } from "../time/time-range.ts";
import { countOf } from "../units/units.ts";

/** Terms asked about at most. */
const termsMax = 6;

/** Which part of a filter leaves nothing: each of its terms by itself, and how many links it has. */
export function WhyNothing({ filter, range }: { filter: string; range: TimeRange }) {
  const terms = termsOf(filter);
  const { data } = useQuery({
    queryKey: ["why", filter, range],
    queryFn: ({ signal }) =>
      Promise.all(
        terms.map(async (term) => {
          const { links, truncated } = await fetchMap(
            { ...timeParams(range), filter: term, limit: 1 },
            signal,
          );
          return { term, count: links.length + truncated.links };
        }),
      ),
  });
  if (data === undefined) return null;
  const none = data.filter(({ count }) => count === 0);
  return (
    <div data-testid="why-nothing">
      <ul className="why-nothing">
        {data.map(({ term, count }) => (
          <li key={term} className={count === 0 ? "warning" : ""}>
            <code>{term}</code> {count === 0 ? "matches nothing" : `alone matches ${countOf(count, "link")}`}
          </li>
        ))}
      </ul>
      {data.length > 1 && none.length === 0 && (
        <p>Each part matches something, but no link matches all of them at once.</p>
      )}
    </div>
  );
}

/** Parts that all have to hold; a filter with OR at its top is one part. */
export function termsOf(filter: string): string[] {
  const parts = words(filter).filter((word) => !/^and$/i.test(word));
  if (parts.some((part) => /^(or|not)$/i.test(part))) return [filter];
  return [...new Set(parts)].slice(0, termsMax);
}
