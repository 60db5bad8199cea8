import { CopyButton } from "@mantine/core";
import type { ReactNode } from "react";
import type { Status } from "../data/answers.ts";
import { CheckIcon, CopyIcon } from "../icons.tsx";
import { collectorSpots, hearsOthers, softflowdCommand } from "./export-hint.ts";
import "./empty.css";

/** How to send flows to this server. */
export function PointHere({ status }: { status: Status }) {
  const spots = collectorSpots(status.collector.listeners, status.collector.addresses);
  const [spot] = spots;
  if (status.capture) return <CaptureShown />;
  if (spot === undefined) {
    return (
      <Step title="The collector does not listen">
        <p>
          Start with <code>--flows udp://0.0.0.0:2055</code> to receive flows from routers.
        </p>
      </Step>
    );
  }
  const { listeners } = status.collector;
  return (
    <Step title="Point an exporter here">
      {!hearsOthers(listeners) && (
        <p>
          Only this machine is heard; for routers start with <code>--flows udp://0.0.0.0:{spot.port}</code>.
        </p>
      )}
      <p>
        NetFlow v5, v9, IPFIX or sFlow to{" "}
        {spots.map(({ address, port }, i) => (
          <span key={`${address} ${port}`}>
            {i > 0 && " or "}
            <code>
              {address} port {port}
            </code>
          </span>
        ))}
        . From a Linux machine:
      </p>
      <Command text={softflowdCommand(spot)} />
      <p className="faint">
        pfSense: install the package softflowd, then Services → softflowd: host {spot.address}, port{" "}
        {spot.port}, version 9, maximum lifetime 60. OPNsense: Reporting → NetFlow, version v9, destination{" "}
        {spot.address}:{spot.port}.
      </p>
    </Step>
  );
}

export function CaptureShown() {
  return (
    <Step title="A capture is shown">
      <p>
        Nothing else is received. To see what happens now start without <code>--pcap</code>.
      </p>
    </Step>
  );
}

export function Step({
  title,
  isWarning = false,
  children,
}: {
  title: string;
  isWarning?: boolean;
  children: ReactNode;
}) {
  return (
    <section className={isWarning ? "step warning" : "step"}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

export function Command({ text }: { text: string }) {
  return (
    <div className="command">
      <code>{text}</code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <button type="button" aria-label={copied ? "Copied" : "Copy"} onClick={copy}>
            {copied ? <CheckIcon /> : <CopyIcon />}
          </button>
        )}
      </CopyButton>
    </div>
  );
}
