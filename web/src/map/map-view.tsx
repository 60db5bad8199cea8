import { ActionIcon, Tooltip } from "@mantine/core";
import { useElementSize, useMediaQuery } from "@mantine/hooks";
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import type { TopologyStore } from "../data/topology-store.ts";
import {
  FitIcon,
  FoldIcon,
  MinusIcon,
  PauseIcon,
  PinIcon,
  PlayIcon,
  PlusIcon,
  UnfoldIcon,
} from "../icons.tsx";
import { closeGroup, type Openness, openGroup } from "../nest/openness.ts";
import { showDrawn } from "../test-hooks.ts";
import type { Selection } from "../view.ts";
import { ChosenWords } from "./chosen-words.tsx";
import { listenToGestures } from "./gestures.ts";
import { type KeptPlaces, keepHomes, keepPins, readPlaces } from "./kept-places.ts";
import { Legend } from "./legend.tsx";
import { MapClient } from "./map-client.ts";
import { mapKey } from "./map-keys.ts";
import { type Hover, MapTooltip } from "./map-tooltip.tsx";
import type { ToMap } from "./messages.ts";
import type { ThemeName } from "./palette.ts";
import { useMotion } from "./use-motion.ts";
import "./map.css";

export interface MapViewProps {
  readonly store: TopologyStore;
  readonly theme: ThemeName;
  readonly centre: string;
  readonly isLive: boolean;
  /** False while the server is away: then nothing may look as if it moved. */
  readonly isFresh: boolean;
  readonly isVisible: boolean;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection | undefined) => void;
  readonly openness: Openness;
  readonly onOpenness: (openness: Openness) => void;
  /** Two windows are compared: the legend explains other colours. */
  readonly isCompared: boolean;
  /** Pixels at the upper edge that banners lie over. */
  readonly coveredTop: number;
  /** The map for as long as it is there, for whoever exports it. */
  readonly onMap: (map: MapClient | undefined) => void;
}

/** On a phone details lie over the map, up to this part of its height (details.css). */
const sheetPart = 0.58;

/** The map's place on the page. Drawing happens in the worker; React only holds the frame around it. */
export function MapView({
  store,
  theme,
  centre,
  isLive,
  isFresh,
  isVisible,
  selection,
  onSelect,
  openness,
  onOpenness,
  isCompared,
  coveredTop,
  onMap,
}: MapViewProps) {
  const host = useRef<HTMLDivElement>(null);
  const map = useRef<MapClient>(undefined);
  const latest = useRef({ onSelect, openness, onOpenness, onMap });
  latest.current = { onSelect, openness, onOpenness, onMap };
  const [pins, setPins] = useState<KeptPlaces["pins"]>(() => readPlaces().pins);
  const [hover, setHover] = useState<Hover>();
  const { moves, toggle } = useMotion();
  const start = useRef({ theme, moves });

  useEffect(() => {
    const element = host.current!;
    // A canvas can be given away once, so each start makes its own.
    const canvas = document.createElement("canvas");
    element.prepend(canvas);
    const client = new MapClient(canvas, start.current.theme, start.current.moves, {
      onHover: (hovered, x, y) => {
        element.dataset.hovering = hovered?.kind ?? "";
        setHover(hovered && { selection: hovered, x, y });
      },
      onSelect: (selected) => latest.current.onSelect(selected),
      onOpen: (id, isOpen) => {
        const { openness: now, onOpenness: tellOf } = latest.current;
        tellOf((isOpen ? openGroup : closeGroup)(now, id));
      },
      onPin: (id, spot) =>
        setPins((before) => {
          const after = new Map(before).set(id, spot);
          keepPins(after);
          return after;
        }),
      onHomes: (homes) => keepHomes(homes),
      onDrawn: (drawn) => showDrawn(drawn, client),
    });
    map.current = client;
    latest.current.onMap(client);
    client.send({ type: "places", ...readPlaces() });
    client.send({ type: "openness", openness: latest.current.openness });
    const stopGestures = listenToGestures(element, (message) => client.send(message));
    const stopFollowing = store.follow(client);
    const resize = new ResizeObserver(() => client.measure());
    resize.observe(element);
    return () => {
      resize.disconnect();
      stopFollowing();
      stopGestures();
      client.close();
      latest.current.onMap(undefined);
      canvas.remove();
    };
  }, [store]);

  const tell = useCallback((message: ToMap) => map.current?.send(message), []);
  useEffect(() => tell({ type: "theme", theme }), [tell, theme]);
  useEffect(() => tell({ type: "moves", moves: moves && isFresh }), [tell, moves, isFresh]);
  useEffect(() => tell({ type: "situation", centre, isLive }), [tell, centre, isLive]);
  useEffect(() => tell({ type: "select", selection }), [tell, selection]);
  useEffect(() => tell({ type: "openness", openness }), [tell, openness]);
  const legend = useElementSize();
  const isNarrow = useMediaQuery("(max-width: 700px)") ?? false;
  const hasSheet = isNarrow && selection !== undefined;
  useEffect(() => {
    const bottom = hasSheet ? host.current!.clientHeight * sheetPart : legend.height;
    tell({ type: "covered", covered: { top: coveredTop, bottom } });
  }, [tell, coveredTop, legend.height, hasSheet]);
  const unpin = () => {
    keepPins(new Map());
    setPins(new Map());
    tell({ type: "places", homes: readPlaces().homes, pins: new Map() });
  };
  useEffect(() => {
    tell({ type: "visible", visible: isVisible });
    if (isVisible) map.current?.measure();
  }, [tell, isVisible]);

  const press = (key: string) => {
    const { width, height } = host.current!.getBoundingClientRect();
    const message = mapKey(key, { width, height });
    if (message !== undefined) tell(message);
    return message !== undefined;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && press(event.key)) event.preventDefault();
  };

  return (
    <section className="map" hidden={!isVisible} aria-label="Map">
      <div
        ref={host}
        className="map-host"
        data-testid="map"
        role="application"
        aria-label="Map of peers and links. Arrow keys move between peers, Enter opens and closes groups, plus and minus zoom, 0 shows all. Press t for the same as a table."
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move between peers
        tabIndex={0}
        onKeyDown={onKeyDown}
      />
      <ChosenWords store={store} selection={selection} />
      {hover !== undefined && isVisible && <MapTooltip hover={hover} store={store} isLive={isLive} />}
      <div className="map-controls">
        <ActionIcon.Group orientation="vertical">
          <Control
            label="Open all groups"
            onClick={() => onOpenness({ detail: "open", opened: [], closed: [] })}
            icon={<UnfoldIcon />}
          />
          <Control
            label={openness.detail === "closed" ? "Open what can be read" : "Close all groups"}
            onClick={() =>
              onOpenness({ detail: openness.detail === "closed" ? "auto" : "closed", opened: [], closed: [] })
            }
            icon={<FoldIcon />}
          />
          {pins.size > 0 && (
            <Control label={`Let go of ${pins.size} pinned`} onClick={unpin} icon={<PinIcon />} />
          )}
        </ActionIcon.Group>
        <ActionIcon.Group orientation="vertical">
          <Control label="Zoom in (+)" onClick={() => press("+")} icon={<PlusIcon />} />
          <Control label="Zoom out (−)" onClick={() => press("-")} icon={<MinusIcon />} />
          <Control label="Show all (0)" onClick={() => press("0")} icon={<FitIcon />} />
          <Control
            label={moves ? "Stop motion" : "Show traffic moving"}
            onClick={toggle}
            icon={moves ? <PauseIcon /> : <PlayIcon />}
          />
        </ActionIcon.Group>
      </div>
      <Legend isCompared={isCompared} theme={theme} plate={legend.ref} />
    </section>
  );
}

function Control({ label, onClick, icon }: { label: string; onClick: () => void; icon: React.ReactNode }) {
  return (
    <Tooltip label={label} position="left" openDelay={400}>
      <ActionIcon variant="default" size="lg" aria-label={label} onClick={onClick}>
        {icon}
      </ActionIcon>
    </Tooltip>
  );
}
