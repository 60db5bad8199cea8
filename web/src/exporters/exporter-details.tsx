import { Button } from "@mantine/core";
import { formatFilterTerm } from "../../../src/query/index.ts";
import type { ExporterWhole, KnownTemplate } from "../data/answers.ts";
import { useServerClock } from "../data/server-clock.ts";
import { Facts, Panel, Section } from "../details/panel.tsx";
import { describeDrop } from "../status/drop-words.ts";
import { countOf, formatBytes, formatCount, formatDuration, formatRate, formatTime } from "../units/units.ts";
import {
  agoText,
  clockText,
  percentText,
  perSecond,
  protocolName,
  protocolText,
  samplingText,
} from "./exporter-words.ts";
import { FindingList } from "./finding-list.tsx";
import { HealthMark } from "./health-mark.tsx";
import { useExporter } from "./use-exporters.ts";
import "../details/details.css";

export interface ExporterDetailsProps {
  readonly address: string;
  readonly onClose: () => void;
  readonly onShow: (pane: "flows" | "map", filter: string) => void;
}

/** Interfaces and templates listed at most. */
const listedMax = 200;

/** All about one exporter, what is wrong first. */
export function ExporterDetails({ address, onClose, onShow }: ExporterDetailsProps) {
  const { exporter, error } = useExporter(address);
  const term = formatFilterTerm("exporter", address);
  return (
    <Panel kind="Exporter" title={address} onClose={onClose}>
      <div className="details-buttons">
        <Button size="xs" variant="light" onClick={() => onShow("flows", term)}>
          Show its flows
        </Button>
        <Button size="xs" variant="default" onClick={() => onShow("map", term)}>
          On the map
        </Button>
      </div>
      {error !== undefined && (
        <p className="warning" role="alert">
          {error.slice(0, 1).toUpperCase() + error.slice(1)}
        </p>
      )}
      {exporter !== undefined && <Whole exporter={exporter} />}
    </Panel>
  );
}

function Whole({ exporter }: { exporter: ExporterWhole }) {
  return (
    <>
      {exporter.findings.length === 0 ? (
        <p className="all-well">
          <HealthMark look="ok" /> Nothing is wrong with it.
        </p>
      ) : (
        <FindingList findings={exporter.findings} />
      )}
      <Figures exporter={exporter} />
      <LossFigures exporter={exporter} />
      <Directions exporter={exporter} />
      <Templates exporter={exporter} />
      <Samplers exporter={exporter} />
      <Interfaces exporter={exporter} />
      <Drops exporter={exporter} />
    </>
  );
}

function Figures({ exporter }: { exporter: ExporterWhole }) {
  const { lastSeen, firstSeen, sampling, clockSkewMs } = exporter;
  const clock = useServerClock();
  return (
    <Section title="Now">
      <Facts
        facts={[
          { label: "Protocol", text: protocolText(exporter) },
          { label: "Last seen", text: agoText(lastSeen, clock.now()) },
          { label: "Records", text: perSecond(exporter.recordRate) },
          { label: "Traffic", text: formatRate(exporter.octetRate) },
          { label: "Datagrams", text: perSecond(exporter.packetRate) },
          { label: "Clock", text: clockText(clockSkewMs) },
          { label: "Sampling", text: samplingText(sampling) },
        ]}
      />
      <p className="faint">
        {countOf(exporter.records, "record")} in {countOf(exporter.packets, "datagram")} (
        {formatBytes(exporter.bytes)}) since {formatTime(firstSeen)}.
      </p>
    </Section>
  );
}

function LossFigures({ exporter: { loss } }: { exporter: ExporterWhole }) {
  return (
    <Section title={`Loss, by its numbering of ${loss.unit}`}>
      <Facts
        facts={[
          {
            label: "Last minute",
            text: percentText(loss.recentPercent),
            isWarning: (loss.recentPercent ?? 0) > 0,
          },
          { label: "In all", text: percentText(loss.percent) },
          { label: "Received", text: formatCount(loss.received) },
          { label: "Missing", text: formatCount(loss.lost) },
          { label: "Out of order", text: formatCount(loss.reordered) },
          { label: "Twice", text: formatCount(loss.duplicates) },
          { label: "Restarts", text: formatCount(loss.restarts) },
        ]}
      />
    </Section>
  );
}

function Directions({ exporter: { directions } }: { exporter: ExporterWhole }) {
  const { ingress, egress, unknown, doubled } = directions;
  return (
    <Section title="Records by direction">
      <Facts
        facts={[
          { label: "Coming in", text: formatCount(ingress) },
          { label: "Going out", text: formatCount(egress) },
          { label: "Not said", text: formatCount(unknown) },
          { label: "Known already", text: formatCount(doubled) },
        ]}
      />
    </Section>
  );
}

function Templates({ exporter: { templates, waitingBytes } }: { exporter: ExporterWhole }) {
  const { known, missing } = templates;
  const now = useServerClock().now();
  if (known.length + missing.length === 0) return null;
  return (
    <>
      {missing.length > 0 && (
        <Section title={`Templates missing (${missing.length})`}>
          <ul className="template-list" data-testid="templates-missing">
            {missing.slice(0, listedMax).map((template) => (
              <li
                key={`${template.protocol} ${template.observationDomainId} ${template.port} ${template.id}`}
              >
                <b>{template.id}</b> {whereabouts(template)}
                <span className="warning">
                  {countOf(template.waitingSets, "set")} ({formatBytes(template.waitingBytes)}) waiting for{" "}
                  {formatDuration(now - template.since)}
                </span>
              </li>
            ))}
          </ul>
          <p className="faint">{formatBytes(waitingBytes)} wait in all.</p>
        </Section>
      )}
      <Section title={`Templates known (${known.length})`}>
        <ul className="template-list" data-testid="templates-known">
          {known.slice(0, listedMax).map((template) => (
            <li key={`${template.protocol} ${template.observationDomainId} ${template.port} ${template.id}`}>
              <details>
                <summary>
                  <b>{template.id}</b> {whereabouts(template)}
                  <span className="faint">
                    {template.isOptions ? "options, " : ""}
                    {countOf(template.records, "record")}, announced {agoText(template.announced, now)}
                  </span>
                </summary>
                <FieldList fields={template.fields} />
              </details>
            </li>
          ))}
        </ul>
      </Section>
    </>
  );
}

function whereabouts({
  protocol,
  observationDomainId,
  port,
}: {
  protocol: string;
  observationDomainId: number;
  port: number;
}) {
  return `${protocolName(protocol)}, domain ${observationDomainId}, port ${port}`;
}

const variableLength = 65_535;

function FieldList({ fields }: Pick<KnownTemplate, "fields">) {
  return (
    <table className="field-list">
      <tbody>
        {fields.map(({ name, length }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a field may stand in a template twice
          <tr key={i}>
            <td>{name}</td>
            <td className="number faint">{length === variableLength ? "variable" : `${length} B`}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Samplers({ exporter: { sampling } }: { exporter: ExporterWhole }) {
  if (sampling.samplers.length === 0) return null;
  return (
    <Section title="Samplers">
      <Facts
        facts={sampling.samplers.slice(0, listedMax).map(({ id, interval }) => ({
          label: String(id),
          text: `1:${interval}`,
        }))}
      />
    </Section>
  );
}

function Interfaces({ exporter: { interfaces } }: { exporter: ExporterWhole }) {
  if (interfaces.length === 0) return null;
  return (
    <Section title={`Interfaces (${interfaces.length})`}>
      <table className="field-list">
        <tbody>
          {interfaces.slice(0, listedMax).map(({ index, name, description }) => (
            <tr key={index}>
              <td className="number faint">{index}</td>
              <td>
                {name} {description !== "" && <span className="faint">{description}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function Drops({ exporter: { drops } }: { exporter: ExporterWhole }) {
  const reasons = Object.entries(drops).filter(([, count]) => count > 0);
  if (reasons.length === 0) return null;
  return (
    <Section title="Given up">
      <ul className="drop-list">
        {reasons.map(([reason, count]) => (
          <li key={reason}>
            <b className="number">{formatCount(count)}</b> <code>{reason}</code>{" "}
            <span className="faint">{describeDrop(reason)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
