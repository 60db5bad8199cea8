import type { Topology, TopologyChange } from "../../../src/topology/topology.ts";
import { Chart } from "./chart.ts";
import type { FromMap, ToMap } from "./messages.ts";

/** The map's thread: messages in, pictures on the page's canvas out. */
const tell = (message: FromMap) => postMessage(message);
let chart: Chart | undefined;
let isAsked = false;

function requestFrame(): void {
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame((now) => {
    isAsked = false;
    chart?.frame(now);
  });
}

addEventListener("message", ({ data }: MessageEvent<ToMap>) => {
  if (data.type === "start") {
    chart = new Chart(data.canvas, tell, requestFrame);
    chart.setTheme(data.theme);
    chart.setMoves(data.moves);
    chart.setSize(data.size);
  } else if (chart !== undefined) handle(chart, data);
});

function handle(map: Chart, message: Exclude<ToMap, { type: "start" }>): void {
  switch (message.type) {
    case "size":
      map.setSize(message.size);
      break;
    case "covered":
      map.setCovered(message.covered);
      break;
    case "theme":
      map.setTheme(message.theme);
      break;
    case "moves":
      map.setMoves(message.moves);
      break;
    case "visible":
      map.setVisible(message.visible);
      break;
    case "situation":
      map.setSituation(message.centre, message.isLive);
      break;
    case "openness":
      map.setOpenness(message.openness);
      break;
    case "places":
      map.setPlaces(message.homes, message.pins);
      break;
    case "open-at":
      map.openAt(message.x, message.y);
      break;
    case "press":
      map.press(message.x, message.y);
      break;
    case "release":
      map.release();
      break;
    case "toggle":
      map.toggle();
      break;
    case "export":
      void map
        .export(message.format)
        .then((file) => tell({ type: "exported", number: message.number, file }));
      break;
    case "topology":
      map.take(JSON.parse(message.json) as Topology | TopologyChange);
      break;
    case "select":
      map.select(message.selection);
      break;
    case "hover":
      map.hover(message.x, message.y);
      break;
    case "leave":
      map.leave();
      break;
    case "click":
      map.click(message.x, message.y);
      break;
    case "pan":
      map.pan(message.dx, message.dy);
      break;
    case "zoom":
      map.zoom(message.factor, message.x, message.y);
      break;
    case "fit":
      map.fit();
      break;
    case "step":
      map.step(message.dx, message.dy);
      break;
    case "ask":
      tell({ type: "answer", number: message.number, answer: map.ask(message.selection) });
      break;
  }
}
