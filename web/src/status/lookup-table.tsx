import type { LookupFigures, Status } from "../data/answers.ts";
import { countOf, formatCount, formatMilliseconds } from "../units/units.ts";
import { isTroubled, worstFirst } from "./lookup-order.ts";

const rowsMax = 10;

/** How resolvers answer this machine's workloads, and which names fail. */
export function Lookups({ dns: { resolvers, names } }: { dns: Status["agent"]["dns"] }) {
  const rows = worstFirst(resolvers.map(({ address, ...figures }) => ({ what: address, ...figures })));
  const failing = names.filter(isTroubled).map(({ name, ...figures }) => ({ what: name, ...figures }));
  return (
    <>
      {rows.length > 0 && <LookupTable label="resolver" rows={rows} testId="resolvers" />}
      {failing.length > 0 && <LookupTable label="name that fails" rows={failing} testId="failing-names" />}
    </>
  );
}

interface LookupTableProps {
  readonly label: string;
  readonly rows: readonly (LookupFigures & { readonly what: string })[];
  readonly testId: string;
}

function LookupTable({ label, rows, testId }: LookupTableProps) {
  return (
    <>
      <table className="status-table" data-testid={testId}>
        <thead>
          <tr>
            <th>{label}</th>
            <th className="number extra">questions</th>
            <th>failures</th>
            <th className="number">time-outs</th>
            <th className="number">mean</th>
            <th className="number extra">longest</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, rowsMax).map((row) => (
            <tr key={row.what}>
              <td className="free-text">{row.what}</td>
              <td className="number extra">{formatCount(row.queryCount)}</td>
              <td>
                {Object.entries(row.failureCounts)
                  .map(([code, count]) => `${formatCount(count)} ${code}`)
                  .join(", ") || "–"}
              </td>
              <td className={row.timedOutCount > 0 ? "number warning" : "number"}>
                {formatCount(row.timedOutCount)}
              </td>
              <td className="number">{latency(row, row.latencyMeanMilliseconds)}</td>
              <td className="number extra">{latency(row, row.latencyMaxMilliseconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > rowsMax && <p className="faint">and {countOf(rows.length - rowsMax, "more row")}</p>}
    </>
  );
}

function latency({ answerCount }: LookupFigures, milliseconds: number): string {
  return formatMilliseconds(answerCount === 0 ? null : milliseconds);
}
