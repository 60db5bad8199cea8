import { UnstyledButton } from "@mantine/core";
import { useLocalStorage, useMediaQuery } from "@mantine/hooks";

/** Every sign of the map, explained; open until somebody closes it. */
export function Legend() {
  const isSmall = useMediaQuery("(max-width: 700px)") ?? false;
  const [state, setState] = useLocalStorage<"open" | "closed" | "">({
    key: "portolan-legend",
    defaultValue: "",
  });
  const isOpen = state === "" ? !isSmall : state === "open";
  return (
    <aside className="legend" aria-label="Legend">
      <div className="legend-plate">
        <UnstyledButton
          className="legend-head"
          aria-expanded={isOpen}
          onClick={() => setState(isOpen ? "closed" : "open")}
        >
          Legend <span aria-hidden="true">{isOpen ? "◂" : "▸"}</span>
        </UnstyledButton>
        {isOpen && (
          <ul>
            <li>
              <Sign>
                <circle cx="17" cy="9" r="6.5" className="kind-process" />
              </Sign>
              process
            </li>
            <li>
              <Sign>
                <circle cx="17" cy="9" r="6.5" className="kind-unit" />
              </Sign>
              systemd unit
            </li>
            <li>
              <Sign>
                <rect x="11" y="3" width="12" height="12" rx="3.5" className="kind-container" />
              </Sign>
              container
            </li>
            <li>
              <Sign>
                <path d="M17 2 23 5.5 23 12.5 17 16 11 12.5 11 5.5z" className="kind-host" />
              </Sign>
              host
            </li>
            <li>
              <Sign>
                <path d="M2 11Q15 4 27 8" className="link" />
                <path d="M33 9.5 26 11 27 5.4z" className="arrow" />
              </Sign>
              client to server
            </li>
            <li>
              <Sign>
                <path d="M2 5H32" className="link thin" />
                <path d="M2 12H32" className="link thick" />
              </Sign>
              wider: more bytes/s
            </li>
            <li>
              <Sign>
                <path d="M2 9H32" className="link dashed" />
              </Sign>
              seen by exporters only
            </li>
            <li>
              <Sign>
                <path d="M2 9H32" className="link warning" />
                <path d="M14 6l6 6M20 6l-6 6" className="link warning" />
              </Sign>
              failing or resending
            </li>
            <li>
              <Sign>
                <path d="M2 9H32" className="link idle" />
              </Sign>
              idle
            </li>
          </ul>
        )}
      </div>
    </aside>
  );
}

function Sign({ children }: { children: React.ReactNode }) {
  return (
    <svg width="34" height="18" viewBox="0 0 34 18" aria-hidden="true">
      {children}
    </svg>
  );
}
