import { UnstyledButton } from "@mantine/core";
import { useLocalStorage, useMediaQuery } from "@mantine/hooks";
import type { Ref } from "react";

/** Every sign of the map, explained; open until somebody closes it. */
export function Legend({ isCompared, plate }: { isCompared: boolean; plate: Ref<HTMLDivElement> }) {
  const isSmall = useMediaQuery("(max-width: 700px)") ?? false;
  const [state, setState] = useLocalStorage<"open" | "closed" | "">({
    key: "portolan-legend",
    defaultValue: "",
  });
  const isOpen = state === "" ? !isSmall : state === "open";
  return (
    <aside className="legend" aria-label="Legend">
      <div className="legend-plate" ref={plate}>
        <UnstyledButton
          className="legend-head"
          aria-expanded={isOpen}
          onClick={() => setState(isOpen ? "closed" : "open")}
        >
          Legend <span aria-hidden="true">{isOpen ? "◂" : "▸"}</span>
        </UnstyledButton>
        {isOpen && <ul>{isCompared ? comparedSigns : kindSigns}</ul>}
      </div>
    </aside>
  );
}

/** One sign of the legend: shapes and lines are drawn as the map draws them. */
function item(text: string, sign: React.ReactNode) {
  return (
    <li key={text}>
      <Sign>{sign}</Sign>
      {text}
    </li>
  );
}

const cross = "M14 6l6 6M20 6l-6 6";

const kindSigns = [
  item("process", <circle cx="17" cy="9" r="6.5" className="kind-process" />),
  item("container", <rect x="11" y="3" width="12" height="12" rx="3.5" className="kind-container" />),
  item("host", <path d="M17 2 23 5.5 23 12.5 17 16 11 12.5 11 5.5z" className="kind-host" />),
  item(
    "not known who",
    <>
      <path d="M17 2 23 5.5 23 12.5 17 16 11 12.5 11 5.5z" className="kind-unresolved" />
      <path d="M15.2 7.4a1.8 1.8 0 1 1 1.8 1.8v1.2M17 12.6v.4" className="kind-unresolved" />
    </>,
  ),
  item(
    "group: double-click",
    <>
      <path d="M20 1 26 4.5 26 11.5" className="kind-container" opacity=".6" />
      <path d="M16 3 22 6.5 22 13.5 16 17 10 13.5 10 6.5z" className="kind-container" />
    </>,
  ),
  item(
    "client to server",
    <>
      <path d="M2 11Q15 4 27 8" className="link" />
      <path d="M33 9.5 26 11 27 5.4z" className="arrow" />
    </>,
  ),
  item(
    "more bytes/s",
    <>
      <path d="M2 5H32" className="link thin" />
      <path d="M2 12H32" className="link thick" />
    </>,
  ),
  item("exporters only", <path d="M2 9H32" className="link dashed" />),
  item(
    "failing",
    <>
      <path d="M2 9H32" className="link warning" />
      <path d={cross} className="link warning" />
    </>,
  ),
  item(
    "slower",
    <>
      <path d="M2 9H32" className="link slow" />
      <path d="M15 5v8M19 5v8" className="link slow" />
    </>,
  ),
  item("idle", <path d="M2 9H32" className="link idle" />),
];

const comparedSigns = (
  [
    ["new", "new", "M13 9h8M17 5v8"],
    ["gone", "gone", "M13 9h8"],
    ["grown by half or more", "grown", "M13 11.5 17 6.5 21 11.5"],
    ["shrunk by a third or more", "shrunk", "M13 6.5 17 11.5 21 6.5"],
    ["much the same", "idle", ""],
  ] as const
).map(([text, look, mark]) =>
  item(
    text,
    <>
      <path d="M2 9H32" className={`link ${look}`} />
      <path d={mark} className={`link ${look} mark`} />
    </>,
  ),
);

function Sign({ children }: { children: React.ReactNode }) {
  return (
    <svg width="34" height="18" viewBox="0 0 34 18" aria-hidden="true">
      {children}
    </svg>
  );
}
