import { useMediaQuery } from "@mantine/hooks";
import { useMemo, useState } from "react";
import type { ExporterBrief, Exporters, Status } from "../data/answers.ts";
import { useServerClock } from "../data/server-clock.ts";
import { VirtualTable } from "../table/virtual-table.tsx";
import { formatBytes, formatCount } from "../units/units.ts";
import type { ExporterSelection } from "../view.ts";
import {
  type ExporterColumn,
  type ExporterOrder,
  exporterColumns,
  isMarked,
  nextExporterOrder,
  sortExporters,
} from "./exporter-columns.ts";
import { ExporterDetails } from "./exporter-details.tsx";
import { FindingList } from "./finding-list.tsx";
import { HealthMark } from "./health-mark.tsx";
import { NoExporter } from "./no-exporter.tsx";
import "./exporters.css";

export interface ExportersViewProps {
  readonly exporters: Exporters | undefined;
  readonly isAway: boolean;
  readonly status: Status | undefined;
  readonly selection: ExporterSelection | undefined;
  readonly onSelect: (selection: ExporterSelection | undefined) => void;
  /** Shows the flows or the links that match. */
  readonly onShow: (pane: "flows" | "map", filter: string) => void;
}

const columns = exporterColumns.map(({ width }) => width).join(" ");

/** Who exports here, how well, and what is wrong. */
export default function ExportersView(props: ExportersViewProps) {
  const { exporters, isAway, status, selection, onSelect, onShow } = props;
  return (
    <>
      {exporters === undefined && (
        <div className="exporters-wait" role="status">
          {isAway ? "The server does not answer. This page asks again by itself." : "asking …"}
        </div>
      )}
      {exporters?.exporters.length === 0 && (
        <NoExporter
          status={status}
          foot={<Foot exporters={exporters} isAway={isAway} isCapture={status?.capture} />}
        />
      )}
      {exporters !== undefined && exporters.exporters.length > 0 && (
        <ExporterTable exporters={exporters} isAway={isAway} selection={selection} onSelect={onSelect} />
      )}
      {selection !== undefined && (
        <ExporterDetails
          key={selection.id}
          address={selection.id}
          onClose={() => onSelect(undefined)}
          onShow={onShow}
        />
      )}
    </>
  );
}

interface ExporterTableProps {
  readonly exporters: Exporters;
  readonly isAway: boolean;
  readonly selection: ExporterSelection | undefined;
  readonly onSelect: (selection: ExporterSelection | undefined) => void;
}

function ExporterTable({ exporters: answer, isAway, selection, onSelect }: ExporterTableProps) {
  const isNarrow = useMediaQuery("(max-width: 700px)", false, { getInitialValueInEffect: false });
  const [order, setOrder] = useState<ExporterOrder>({ key: "health", isDescending: false });
  const rows = useMemo(() => sortExporters(answer.exporters, order), [answer, order]);
  const selectedRow = rows.findIndex(({ address }) => address === selection?.id);
  const now = useServerClock().now();
  return (
    <VirtualTable
      label="Exporters"
      testId="exporters-table"
      className={isNarrow ? "exporters-cards" : "exporters-table"}
      rowHeight={isNarrow ? 68 : 34}
      columns={isNarrow ? "1fr auto" : columns}
      rowCount={rows.length}
      selectedRow={selectedRow}
      rowKey={(row) => rows[row]?.address ?? String(row)}
      onRow={(row) => onSelect({ kind: "exporter", id: rows[row]!.address })}
      head={exporterColumns.map((column) => (
        <HeadCell key={column.key} column={column} order={order} onOrder={setOrder} />
      ))}
      renderRow={(row) =>
        exporterColumns.map((column) => (
          <Cell key={column.key} column={column} exporter={rows[row]!} now={now} />
        ))
      }
      foot={<Foot exporters={answer} isAway={isAway} />}
    />
  );
}

interface HeadCellProps {
  readonly column: ExporterColumn;
  readonly order: ExporterOrder;
  readonly onOrder: (order: ExporterOrder) => void;
}

function HeadCell({ column, order, onOrder }: HeadCellProps) {
  const isSorted = order.key === column.key;
  return (
    <th
      scope="col"
      className={`${column.isNumber ? "number" : ""} of-${column.key}`}
      aria-sort={isSorted ? (order.isDescending ? "descending" : "ascending") : "none"}
    >
      <button type="button" onClick={() => onOrder(nextExporterOrder(order, column))}>
        {column.label}
        {isSorted ? (order.isDescending ? " ↓" : " ↑") : ""}
      </button>
    </th>
  );
}

function Cell({ column, exporter, now }: { column: ExporterColumn; exporter: ExporterBrief; now: number }) {
  const text = column.text(exporter, now);
  const classes = [
    `of-${column.key}`,
    column.isNumber ? "number" : "",
    isMarked(exporter, column) ? "warning" : "",
    text === "–" || text === "unknown" ? "faint" : "",
  ];
  return (
    <td className={classes.join(" ")} title={column.isNumber ? undefined : text}>
      {column.key === "health" && <HealthMark look={exporter.health} />}
      {text}
    </td>
  );
}

/** Who could not be read, and what the machine itself lost. */
function Foot({
  exporters,
  isAway,
  isCapture = false,
}: {
  exporters: Exporters;
  isAway: boolean;
  isCapture?: boolean | undefined;
}) {
  const { strangers, listeners, leftOut } = exporters;
  return (
    <div className="exporters-foot" data-testid="exporters-foot">
      {isAway && <p className="warning">The server does not answer: these are the last figures.</p>}
      {leftOut > 0 && <p className="faint">and {formatCount(leftOut)} more, healthier, not shown</p>}
      {strangers.length > 0 && (
        <section data-testid="strangers">
          <h3>Senders that can not be read</h3>
          {strangers.map(({ address, findings }) => (
            <details className="stranger" key={address}>
              <summary>
                <b>{address}</b> <span className="faint">{findings[0]?.title}</span>
              </summary>
              <FindingList findings={findings} />
            </details>
          ))}
        </section>
      )}
      {listeners.map(({ url, receiveBufferBytes, kernelDrops }) => (
        <p className="faint" key={url}>
          Listening on {url}, receive buffer {formatBytes(receiveBufferBytes)}
          {kernelDrops === 0 && ", no datagram thrown away for want of room"}
          {kernelDrops !== null && kernelDrops > 0 && (
            <span className="warning">
              , {formatCount(kernelDrops)} datagrams thrown away for want of room
            </span>
          )}
          .
        </p>
      ))}
      {listeners.length === 0 && !isCapture && <p className="warning">The collector does not listen.</p>}
    </div>
  );
}
