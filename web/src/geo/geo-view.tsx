import { useQuery } from "@tanstack/react-query";
import { geoGraticule10, geoInterpolate, geoNaturalEarth1, geoPath } from "d3-geo";
import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology as WorldTopology } from "topojson-specification";
import worldUrl from "world-atlas/countries-110m.json?url";
import { fetchAsset } from "../data/api.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import { Bar } from "../details/panel.tsx";
import { countOf, formatBytes, formatCount } from "../units/units.ts";
import type { Selection } from "../view.ts";
import { type Arc, buildPlaces, guessHome, type Place } from "./places.ts";
import "../matrix/matrix.css";
import "./geo.css";

const arcsMax = 160;
const homeKey = "portolan-home";
const size = { width: 1000, height: 500 };

export interface GeoViewProps {
  readonly store: TopologyStore;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection | undefined) => void;
}

type World = WorldTopology<{ countries: GeometryCollection; land: GeometryCollection }>;

/** The world, from a file of this server: places that are talked with, arcs to them, and the same as a list. */
export default function GeoView({ store, selection, onSelect }: GeoViewProps) {
  const version = useTopologyVersion(store);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the state is mutable, its version tells
  const data = useMemo(() => buildPlaces(store.state, arcsMax), [version]);
  const { data: world, isError } = useQuery({
    queryKey: ["world"],
    queryFn: ({ signal }) => fetchAsset<World>(worldUrl, signal),
    staleTime: Infinity,
  });
  const [home, setHome] = useState(readHome);
  const chosen = selection?.kind === "peer" ? selection.id : "";
  const pick = (place: Place) => onSelect({ kind: "peer", id: selectionId(place, store) });
  const isChosen = (place: Place) => selectionId(place, store) === chosen || place.peers.includes(chosen);
  return (
    <section className="geo" aria-label="World">
      <div className="geo-world">
        {isError && <p className="warning">The map of the world could not be read from the server.</p>}
        {world !== undefined && (
          <WorldPicture
            {...{ world, home, isChosen, onPick: pick }}
            places={data.places}
            arcs={data.arcs}
            onHome={(next) => {
              setHome(next);
              keepHome(next);
            }}
          />
        )}
        <p className="geo-words faint">
          The gold mark stands for your own networks: drag it to where they are. Map: Natural Earth.{" "}
          <a href="https://db-ip.com" target="_blank" rel="noreferrer">
            IP Geolocation by DB-IP
          </a>
        </p>
      </div>
      <PlaceList places={data.places} isChosen={isChosen} onPick={pick} />
    </section>
  );
}

/** A country with several peers is a group of the map; a single peer is itself. */
function selectionId({ peers, country }: Place, { state }: TopologyStore): string {
  const [only] = peers;
  if (peers.length === 1 && only !== undefined) return only;
  const isInternet = peers.some((id) => state.peers.get(id)?.group === "internet");
  return isInternet ? `country:${country}` : (only ?? "");
}

interface WorldPictureProps {
  readonly world: World;
  readonly places: readonly Place[];
  readonly arcs: readonly Arc[];
  readonly home: readonly [longitude: number, latitude: number];
  readonly isChosen: (place: Place) => boolean;
  readonly onPick: (place: Place) => void;
  readonly onHome: (home: readonly [number, number]) => void;
}

function WorldPicture({ world, places, arcs, home, isChosen, onPick, onHome }: WorldPictureProps) {
  const host = useRef<SVGSVGElement>(null);
  const [isDragging, setIsDragging] = useState(false);
  const start = useRef({ x: 0, y: 0 });
  const projection = useMemo(
    () =>
      geoNaturalEarth1().fitExtent(
        [
          [6, 6],
          [size.width - 6, size.height - 6],
        ],
        { type: "Sphere" },
      ),
    [],
  );
  const ground = useMemo(() => {
    const path = geoPath(projection);
    return {
      sphere: path({ type: "Sphere" }) ?? "",
      graticule: path(geoGraticule10()) ?? "",
      land: path(feature(world, world.objects.land)) ?? "",
      borders: path(mesh(world, world.objects.countries, (a, b) => a !== b)) ?? "",
    };
  }, [world, projection]);
  const spot = (longitude: number, latitude: number) => projection([longitude, latitude]) ?? [0, 0];
  const [homeX, homeY] = spot(home[0], home[1]);
  const heaviest = Math.max(1, ...arcs.map(({ bytes }) => bytes));
  const largest = Math.max(1, ...places.map(({ bytes }) => bytes));
  const isAway = ({ clientX, clientY }: PointerEvent) =>
    Math.hypot(clientX - start.current.x, clientY - start.current.y) >= 4;
  const drag = (event: PointerEvent) => {
    const svg = host.current!;
    const matrix = svg.getScreenCTM();
    if (!isDragging || !isAway(event) || matrix === null) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const there = projection.invert?.([x, y]);
    if (there != null && Math.abs(there[1]) <= 85) onHome(there);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a drawing has no fieldset
    <svg
      ref={host}
      viewBox={`0 0 ${size.width} ${size.height}`}
      role="group"
      aria-label={`World map of ${countOf(places.length, "place")}; the list beside it has the same places`}
      data-testid="geo"
      onPointerMove={drag}
      // A click takes the mark up, and another puts it down: who can not drag can do that.
      onPointerUp={(event) => {
        drag(event);
        if (isAway(event)) setIsDragging(false);
      }}
    >
      <path d={ground.sphere} className="geo-sea" />
      <path d={ground.graticule} className="geo-lines" />
      <path d={ground.land} className="geo-land" />
      <path d={ground.borders} className="geo-borders" />
      {arcs.map(({ id, from, to, bytes, hasTrouble }) => {
        const [start, end] = [from, to].map((place) =>
          place === undefined ? home : ([place.longitude, place.latitude] as const),
        );
        const isLit = (from !== undefined && isChosen(from)) || (to !== undefined && isChosen(to));
        return (
          <path
            key={id}
            d={arcPath(projection, start!, end!)}
            className={`geo-arc ${hasTrouble ? "warning" : ""} ${isLit ? "chosen" : ""}`}
            strokeWidth={0.6 + 2.6 * Math.sqrt(bytes / heaviest)}
          />
        );
      })}
      {[...places].reverse().map((place) => {
        const [x, y] = spot(place.longitude, place.latitude);
        return (
          // biome-ignore lint/a11y/noStaticElementInteractions: the list beside it takes the keys
          <g
            key={place.id}
            className={`geo-place ${isChosen(place) ? "chosen" : ""}`}
            data-place={place.country}
            onClick={() => onPick(place)}
          >
            <title>
              {place.name}: {countOf(place.peers.length, "peer")}, {formatBytes(place.bytes)}
            </title>
            <circle cx={x} cy={y} r={3 + 9 * Math.sqrt(place.bytes / largest)} />
            <circle cx={x} cy={y} r={1.6} className="core" />
            {place.failed > 0 && <path d={`M${x - 3} ${y - 9}l6 6m0 -6l-6 6`} className="geo-trouble" />}
          </g>
        );
      })}
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing has no button */}
      <g
        className="geo-home"
        transform={`translate(${homeX} ${homeY})`}
        data-testid="geo-home"
        role="button"
        tabIndex={0}
        aria-label="Your own networks; arrow keys move the mark to where they are"
        onKeyDown={(event) => {
          const [east, north] = arrowDegrees[event.key] ?? [0, 0];
          if (east === 0 && north === 0) return;
          event.preventDefault();
          const [longitude, latitude] = home;
          onHome([
            Math.max(-180, Math.min(180, longitude + east)),
            Math.max(-85, Math.min(85, latitude + north)),
          ]);
        }}
        onPointerDown={(event) => {
          if (isDragging) return;
          host.current?.setPointerCapture(event.pointerId);
          start.current = { x: event.clientX, y: event.clientY };
          setIsDragging(true);
        }}
      >
        <title>Your own networks: drag to where they are</title>
        <path d="M0 -10L2.3 -2.3L10 0L2.3 2.3L0 10L-2.3 2.3L-10 0L-2.3 -2.3Z" />
      </g>
    </svg>
  );
}

const arrowDegrees: Readonly<Record<string, readonly [east: number, north: number]>> = {
  ArrowLeft: [-2, 0],
  ArrowRight: [2, 0],
  ArrowUp: [0, 2],
  ArrowDown: [0, -2],
};

/** A great circle, lifted like a thrown ball: arcs there and back lie apart, and near ones are seen too. */
function arcPath(
  projection: ReturnType<typeof geoNaturalEarth1>,
  from: readonly [number, number],
  to: readonly [number, number],
): string {
  const way = geoInterpolate([...from], [...to]);
  const [fromX, fromY] = projection([...from]) ?? [0, 0];
  const [toX, toY] = projection([...to]) ?? [0, 0];
  const lift = Math.min(46, Math.hypot(fromX - toX, fromY - toY) * 0.16);
  const pieces = 26;
  let path = "";
  let before: readonly [number, number] | undefined;
  for (let i = 0; i <= pieces; i++) {
    const part = i / pieces;
    const [x, y] = projection(way(part)) ?? [0, 0];
    const raised = y - lift * Math.sin(part * Math.PI);
    // The other edge of the world: a new stroke.
    const isTorn = before !== undefined && Math.abs(before[0] - x) > size.width / 2;
    path += `${before === undefined || isTorn ? "M" : "L"}${x.toFixed(1)} ${raised.toFixed(1)}`;
    before = [x, raised];
  }
  return path;
}

function PlaceList({
  places,
  isChosen,
  onPick,
}: {
  places: readonly Place[];
  isChosen: (place: Place) => boolean;
  onPick: (place: Place) => void;
}) {
  const largest = Math.max(1, places[0]?.bytes ?? 1);
  const chosen = useRef<HTMLLIElement>(null);
  useEffect(() => {
    chosen.current?.scrollIntoView({ block: "nearest" });
  });
  return (
    <aside className="geo-list" aria-label="Places">
      {places.length === 0 && <p className="faint">Nobody outside of your own networks was talked with.</p>}
      <ul data-testid="geo-list">
        {places.slice(0, 300).map((place) => (
          <li key={place.id} ref={isChosen(place) ? chosen : undefined}>
            <button type="button" aria-pressed={isChosen(place)} onClick={() => onPick(place)}>
              <span className="geo-name">{place.name}</span>
              <span className="number">{formatBytes(place.bytes)}</span>
              <span className="faint geo-peers">
                {countOf(place.peers.length, "peer")}
                {place.failed > 0 && <span className="warning">, {formatCount(place.failed)} failed</span>}
              </span>
              <Bar part={place.bytes / largest} />
            </button>
          </li>
        ))}
      </ul>
    </aside>
  );
}

function readHome(): readonly [number, number] {
  const [longitude, latitude] = (localStorage.getItem(homeKey) ?? "").split(" ").map(Number);
  if (
    longitude !== undefined &&
    latitude !== undefined &&
    Math.abs(longitude) <= 180 &&
    Math.abs(latitude) <= 85
  )
    return [longitude, latitude];
  const guess = guessHome(new Date().getTimezoneOffset());
  return [guess.longitude, guess.latitude];
}

function keepHome([longitude, latitude]: readonly [number, number]): void {
  try {
    localStorage.setItem(homeKey, `${longitude.toFixed(2)} ${latitude.toFixed(2)}`);
  } catch {
    // The storage is full or forbidden: it stands there until the page is left.
  }
}
