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
      return map.setSize(message.size);
    case "theme":
      return map.setTheme(message.theme);
    case "moves":
      return map.setMoves(message.moves);
    case "visible":
      return map.setVisible(message.visible);
    case "situation":
      return map.setSituation(message.centre, message.isLive);
    case "map":
      return map.take(message.topology);
    case "change":
      return map.take(message.change);
    case "select":
      return map.select(message.selection);
    case "hover":
      return map.hover(message.x, message.y);
    case "leave":
      return map.leave();
    case "click":
      return map.click(message.x, message.y);
    case "pan":
      return map.pan(message.dx, message.dy);
    case "zoom":
      return map.zoom(message.factor, message.x, message.y);
    case "fit":
      return map.fit();
    case "step":
      return map.step(message.dx, message.dy);
    case "ask":
      return tell({ type: "answer", number: message.number, answer: map.ask(message.selection) });
  }
}
