import { UnstyledButton } from "@mantine/core";
import { useLocalStorage, useMediaQuery } from "@mantine/hooks";
import type { Ref } from "react";
import { iconPath, shapePath } from "./draw/sign-path.ts";
import { palettes, type ThemeName } from "./palette.ts";
import type { ScenePeer } from "./scene.ts";

type Kind = ScenePeer["kind"];
/** Pixels of a sign's shape. */
const radius = 7;

interface LegendProps {
  isCompared: boolean;
  theme: ThemeName;
  plate: Ref<HTMLDivElement>;
}

/** Every sign of the map, explained; open until somebody closes it. */
export function Legend({ isCompared, theme, plate }: LegendProps) {
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
        {isOpen && (
          <ul>
            {peerSigns[theme]}
            {isCompared ? comparedSigns : linkSigns}
          </ul>
        )}
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

/** Whom one meets on a map; what groups are of is told by their headings. */
const kindNames = [
  ["process", "process"],
  ["unit", "systemd unit"],
  ["container", "container"],
  ["pod", "pod"],
  ["service", "Service"],
  ["node", "node"],
  ["host", "address"],
  ["unresolved", "not known who"],
] as const;

const peerSigns = { dark: peerSignsIn("dark"), light: peerSignsIn("light") };

function peerSignsIn(theme: ThemeName): React.ReactNode {
  const { kinds } = palettes[theme];
  return [
    ...kindNames.map(([kind, name]) => item(name, <KindSign kind={kind} colour={kinds[kind]} />)),
    item(
      "group: double-click",
      <>
        <path d={shapePath("workload", 18.5, 7.5, radius)} stroke={kinds.workload} opacity=".55" />
        <KindSign kind="workload" colour={kinds.workload} x={15.5} y={10} />
      </>,
    ),
  ];
}

function KindSign({ kind, colour, x = 17, y = 9 }: { kind: Kind; colour: string; x?: number; y?: number }) {
  return (
    <g stroke={colour}>
      <path d={shapePath(kind, x, y, radius)} className="body" />
      <path d={iconPath(kind, x, y, radius)} className="icon" />
    </g>
  );
}

const cross = "M14 6l6 6M20 6l-6 6";

const linkSigns = [
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
