import { Button, CloseButton } from "@mantine/core";
import { type ReactNode, useState } from "react";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { hasTrouble } from "../map/link-look.ts";
import { formatBytes } from "../units/units.ts";

/** Parts that link and peer details share. */
export function Panel({
  kind,
  title,
  onClose,
  children,
}: {
  kind: string;
  title: string;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <aside className="details" aria-label={`${kind} details`} data-testid="details">
      <header>
        <span className="details-kind">{kind}</span>
        <CloseButton aria-label="Close details (Escape)" onClick={onClose} />
        <h2 title={title}>{title}</h2>
      </header>
      {children}
    </aside>
  );
}

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

export interface Fact {
  readonly label: string;
  readonly text: string;
  readonly isWarning?: boolean;
}

/** Letters of label and value that stand beside one another in half of the panel: an address is not broken. */
const halfMax = 18;

/** Label and value; facts without a value are left out. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className="facts">
      {facts
        .filter(({ text }) => text !== "")
        .map(({ label, text, isWarning }) => (
          <div
            key={label}
            className={isWarning ? "warning" : undefined}
            data-wide={label.length + text.length > halfMax ? true : undefined}
          >
            <dt>{label}</dt>
            <dd>{text}</dd>
          </div>
        ))}
    </dl>
  );
}

export interface LinkListProps {
  readonly title: string;
  readonly links: readonly TopologyLink[];
  readonly nameOf: (link: TopologyLink) => string;
  readonly onPick: (link: TopologyLink) => void;
}

const shownAtFirst = 8;

export function LinkList({ title, links, nameOf, onPick }: LinkListProps) {
  const [isAll, setIsAll] = useState(false);
  if (links.length === 0) return null;
  const total = (link: TopologyLink) => link.bytesSent + link.bytesReceived;
  const sorted = [...links].sort((a, b) => total(b) - total(a));
  const heaviest = total(sorted[0]!);
  const shown = sorted.slice(0, isAll ? 500 : shownAtFirst);
  return (
    <Section title={`${title} (${links.length})`}>
      <ul className="link-list">
        {shown.map((link) => (
          <li key={link.id}>
            <button
              type="button"
              className={hasTrouble(link) ? "warning" : ""}
              title={nameOf(link)}
              onClick={() => onPick(link)}
            >
              <span className="link-name">{nameOf(link)}</span>
              <span className="number">{formatBytes(total(link))}</span>
              <Bar part={total(link) / Math.max(1, heaviest)} />
            </button>
          </li>
        ))}
      </ul>
      {sorted.length > shown.length && (
        <Button size="compact-xs" variant="subtle" onClick={() => setIsAll(true)}>
          All {Math.min(500, sorted.length)}
        </Button>
      )}
    </Section>
  );
}

/** Members of a group, the first some of them. */
export function MemberList({
  title,
  peers,
  onPick,
}: {
  title: string;
  peers: readonly TopologyPeer[];
  onPick: (id: string) => void;
}) {
  const [isAll, setIsAll] = useState(false);
  const shown = peers.slice(0, isAll ? 500 : shownAtFirst);
  return (
    <Section title={title}>
      <ul className="link-list">
        {shown.map(({ id, name, addresses }) => (
          <li key={id}>
            <button type="button" title={name || id} onClick={() => onPick(id)}>
              <span className="link-name">{name || id}</span>
              <span className="faint">{addresses[0] === name ? "" : addresses[0]}</span>
            </button>
          </li>
        ))}
      </ul>
      {peers.length > shown.length && (
        <Button size="compact-xs" variant="subtle" onClick={() => setIsAll(true)}>
          All {Math.min(500, peers.length)}
        </Button>
      )}
    </Section>
  );
}

export function Bar({ part }: { part: number }) {
  return <span className="bar" style={{ width: `${Math.max(1, part * 100)}%` }} aria-hidden="true" />;
}
