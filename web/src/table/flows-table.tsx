import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { formatFilterTerm } from "../../../src/query/index.ts";
import type { FlowPage, FlowRecord } from "../data/answers.ts";
import { fetchFlows } from "../data/api.ts";
import { ProblemError } from "../data/problem.ts";
import { filterOfClick, filterTitle } from "../filter/filter-click.ts";
import { type TimeRange, timeParams } from "../time/time-range.ts";
import { formatBytes, formatCount, formatTime } from "../units/units.ts";
import { VirtualTable } from "./virtual-table.tsx";

const pageSize = 200;

interface FlowColumn {
  readonly label: string;
  readonly width: string;
  readonly isNumber?: boolean;
  /** The filter's term for what the cell says; good for links and records alike. */
  readonly term?: (record: FlowRecord) => string;
  readonly text: (record: FlowRecord) => string;
}

const spot = (address: string, port: number) =>
  port === 0 ? address : `${address.includes(":") ? `[${address}]` : address}:${port}`;

const flowColumns: readonly FlowColumn[] = [
  { label: "Time", width: "164px", text: (record) => formatTime(record.collectionTimeMilliseconds) },
  {
    label: "Source",
    width: "minmax(150px, 1.3fr)",
    text: (record) => spot(record.sourceAddress, record.sourceTransportPort),
    term: ({ sourceAddress }) => formatFilterTerm("address", sourceAddress),
  },
  {
    label: "Destination",
    width: "minmax(150px, 1.3fr)",
    text: (record) => spot(record.destinationAddress, record.destinationTransportPort),
    term: ({ destinationAddress }) => formatFilterTerm("address", destinationAddress),
  },
  {
    label: "Protocol",
    width: "82px",
    text: ({ protocolIdentifier }) => protocolIdentifier,
    term: ({ protocolIdentifier }) => formatFilterTerm("protocol", protocolIdentifier),
  },
  {
    label: "Bytes",
    width: "84px",
    isNumber: true,
    text: ({ octetDeltaCount }) => formatBytes(octetDeltaCount),
  },
  {
    label: "Back",
    width: "84px",
    isNumber: true,
    text: (record) => formatBytes(record.reverseOctetDeltaCount),
  },
  {
    label: "Packets",
    width: "84px",
    isNumber: true,
    text: (record) =>
      `${formatCount(record.packetDeltaCount)} / ${formatCount(record.reversePacketDeltaCount)}`,
  },
  {
    label: "From peer",
    width: "minmax(130px, 1fr)",
    text: ({ sourcePeerName }) => sourcePeerName,
    term: ({ sourcePeerName }) => nameTerm(sourcePeerName),
  },
  {
    label: "To peer",
    width: "minmax(130px, 1fr)",
    text: ({ destinationPeerName }) => destinationPeerName,
    term: ({ destinationPeerName }) => nameTerm(destinationPeerName),
  },
  {
    label: "Seen by",
    width: "minmax(110px, 0.8fr)",
    text: ({ observerName }) => observerName,
    term: ({ observerName }) => (observerName === "" ? "" : formatFilterTerm("observer", observerName)),
  },
  {
    label: "Note",
    width: "minmax(80px, 0.5fr)",
    text: ({ isDuplicate, samplingInterval, ...record }) =>
      [
        isDuplicate ? "duplicate" : "",
        samplingInterval > 1 ? `1 in ${samplingInterval}` : "",
        record.originalDestinationAddress === ""
          ? ""
          : `by way of ${spot(record.originalDestinationAddress, record.originalDestinationTransportPort)}`,
      ]
        .filter(Boolean)
        .join(", "),
  },
];

function nameTerm(name: string): string {
  return name === "" ? "" : formatFilterTerm("name", name);
}

const columns = flowColumns.map(({ width }) => width).join(" ");

/** Raw records, newest first, page by page. */
export default function FlowsTable({
  range,
  filter,
  onFilter,
}: {
  range: TimeRange;
  filter: string;
  onFilter: (filter: string) => void;
}) {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } =
    useInfiniteQuery({
      queryKey: ["flows", range, filter],
      queryFn: ({ pageParam, signal }): Promise<FlowPage> =>
        fetchFlows({ ...timeParams(range), filter, limit: pageSize, cursor: pageParam }, signal),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
      // While somebody reads, records stay as they are; who comes back is told anew.
      staleTime: Infinity,
      gcTime: 0,
    });
  const records = data?.pages.flatMap((page) => page.records) ?? [];
  return (
    <VirtualTable
      label="Flow records"
      testId="flows-table"
      columns={columns}
      rowCount={records.length}
      rowKey={String}
      rowClass={(row) => (records[row]?.isDuplicate ? "duplicate" : "")}
      head={flowColumns.map(({ label, isNumber }) => (
        <th key={label} scope="col" className={isNumber ? "number" : ""}>
          {label}
        </th>
      ))}
      renderRow={(row) =>
        flowColumns.map(({ label, isNumber, text, term }) => {
          const words = text(records[row]!).slice(0, 300);
          const ownTerm = term?.(records[row]!) ?? "";
          if (ownTerm !== "")
            return (
              <td key={label} className="of-term">
                <button
                  type="button"
                  tabIndex={-1}
                  title={`${words}\n${filterTitle}`}
                  onClick={({ altKey }) =>
                    onFilter(filterOfClick(filter, ownTerm, { altKey, shiftKey: !altKey })!)
                  }
                >
                  {words}
                </button>
              </td>
            );
          return (
            <td key={label} className={isNumber ? "number" : ""} title={words}>
              {words}
            </td>
          );
        })
      }
      foot={
        <div className="table-foot">
          {isPending && <span className="faint">asking …</span>}
          {error !== null && <span className="warning">{problemWords(error)}</span>}
          {!isPending && error === null && (
            <span className="faint">
              {formatCount(records.length)} records{hasNextPage ? ", there are more" : ""}
            </span>
          )}
          {hasNextPage && (
            <Button size="xs" variant="light" loading={isFetchingNextPage} onClick={() => fetchNextPage()}>
              Load more
            </Button>
          )}
          {!isPending && (
            <Button size="xs" variant="default" onClick={() => refetch()}>
              Ask again
            </Button>
          )}
        </div>
      }
    />
  );
}

function problemWords(error: Error): string {
  return error instanceof ProblemError ? error.message : "The server does not answer.";
}
