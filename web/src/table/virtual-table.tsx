import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import "./table.css";

export interface VirtualTableProps {
  readonly label: string;
  readonly testId: string;
  readonly head: ReactNode;
  readonly columns: string;
  readonly rowCount: number;
  readonly selectedRow?: number;
  readonly rowKey: (row: number) => string;
  readonly renderRow: (row: number) => ReactNode;
  readonly rowClass?: (row: number) => string;
  readonly onRow?: (row: number) => void;
  readonly foot?: ReactNode;
  /** In pixels. */
  readonly rowHeight?: number;
  readonly className?: string;
}

/** A real table of which only the rows in view exist. */
export function VirtualTable(props: VirtualTableProps) {
  const { label, testId, head, columns, rowCount, selectedRow, rowKey, renderRow, rowClass, onRow, foot } =
    props;
  const { rowHeight = 30, className = "" } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: rowCount,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    getItemKey: rowKey,
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (onRow === undefined && moveFocus(event)) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || onRow === undefined || rowCount === 0) return;
    event.preventDefault();
    const row = Math.min(rowCount - 1, Math.max(0, (selectedRow ?? -1) + step));
    onRow(row);
    rows.scrollToIndex(row);
  };
  return (
    <div className="table-scroller" ref={scroller}>
      <table
        className={`virtual-table ${className}`}
        aria-label={label}
        aria-rowcount={rowCount + 1}
        data-testid={testId}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move the selection
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <thead>
          <tr style={{ gridTemplateColumns: columns }} aria-rowindex={1}>
            {head}
          </tr>
        </thead>
        <tbody style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, key, start }) => (
            <tr
              key={key}
              data-row={rowKey(index)}
              className={rowClass?.(index)}
              aria-rowindex={index + 2}
              aria-selected={index === selectedRow}
              style={{
                gridTemplateColumns: columns,
                height: rowHeight,
                transform: `translateY(${start}px)`,
              }}
              onClick={() => onRow?.(index)}
            >
              {renderRow(index)}
            </tr>
          ))}
        </tbody>
      </table>
      {foot}
    </div>
  );
}

const steps: Readonly<Record<string, readonly [down: number, right: number]>> = {
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
};

/** Where rows are not chosen arrow keys walk over the cells that can be pressed; Tab leaves the table at once. */
function moveFocus(event: KeyboardEvent): boolean {
  const step = steps[event.key];
  const rows = [...event.currentTarget.querySelectorAll("tbody tr")]
    .map((row) => ({
      index: Number(row.getAttribute("aria-rowindex")),
      buttons: [...row.querySelectorAll("button")],
    }))
    .filter(({ buttons }) => buttons.length > 0)
    .sort((a, b) => a.index - b.index);
  if (step === undefined || rows.length === 0) return false;
  const focused = document.activeElement as HTMLButtonElement;
  const at = rows.findIndex(({ buttons }) => buttons.includes(focused));
  const column = rows[at]?.buttons.indexOf(focused) ?? 0;
  const { buttons } = rows[at < 0 ? 0 : clamp(at + step[0], rows.length)]!;
  buttons[clamp(column + step[1], buttons.length)]!.focus();
  event.preventDefault();
  return true;
}

function clamp(index: number, length: number): number {
  return Math.min(length - 1, Math.max(0, index));
}
