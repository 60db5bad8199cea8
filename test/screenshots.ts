/**
 * Makes the pictures of README and docs, into docs/ or FOLDER, each in both themes where both are shown. Look at them afterwards.
 *
 *     node test/screenshots.ts [FOLDER]             all of those: of a pretended cluster (`test/pretend-shop.ts`), of exporters, of `portolan demo` (root)
 *     node test/screenshots.ts views [FOLDER]       every view of the cluster, VIEW-dark.png and VIEW-light.png, for whoever changes the page
 *     node test/screenshots.ts exporters [FOLDER]   exporters in all states of health, every look
 *     node test/screenshots.ts demo [FOLDER]        demo.png and demo-light.png only (root)
 *     node test/screenshots.ts machine [FOLDER]     machine-*.png, of a small real world (`test/machine-world.ts`); whoever else talks here is left out
 *
 * Without FOLDER `views` and `machine` make one in /tmp. WORLD_SECONDS is for how long each world talks first.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { formatFilterTerm } from "../src/query/index.ts";
import { launchBrowser, openAt } from "./browser.ts";
import { exportedFlows, startWorld, underItsName } from "./machine-world.ts";
import { whyNoNamespaces } from "./namespaces.ts";
import { withPalette } from "./palette-png.ts";
import { netflow5 } from "./pretend-exporter.ts";
import { type PretendShop, startShop } from "./pretend-shop.ts";
import { PretendV9, sendFrom } from "./pretend-v9.ts";
import { freePort, liveMap, type Program, startProgram } from "./program.ts";

const bytesMax = 400_000;
const seconds = Number(process.env.WORLD_SECONDS ?? "150");

/** Of the machine's own world. */
async function takeMachinePictures(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { program, stop } = await startWorld();
  let browser: Browser | undefined;
  try {
    browser = await launchBrowser();
    console.log(`${program.url}: letting the world talk for ${seconds} s`);
    await sleep(seconds * 1000);
    const link = `?link=${encodeURIComponent("host:192.168.10.57>process:atlas/nginx")}`;
    for (const [name, query] of Object.entries({ map: "", table: "?view=links", link })) {
      for (const colorScheme of ["dark", "light"] as const)
        await takePicture(
          browser,
          `${program.url}/${query}`,
          join(folder, `machine-${name}-${colorScheme}.png`),
          { viewport: normal, colorScheme, without: await strangersFilter(program) },
        );
    }
  } finally {
    await browser?.close();
    await stop();
  }
}

/** A filter that leaves out whoever else talks on this machine. */
async function strangersFilter(program: Program): Promise<string> {
  const { peers } = await liveMap(program);
  const strange = peers.filter(({ group }) => !/^(atlas|atlas\/(data|jobs)|[\d.]+\.0\/24)$/.test(group));
  return [...new Set(strange.map(({ id }) => `-${formatFilterTerm("id", id)}`))].slice(0, 100).join(" ");
}

async function takeDemoPictures(folder: string): Promise<void> {
  const program = await startProgram(["demo", "--listen", "127.0.0.1:0"], underItsName);
  const browser = await launchBrowser();
  try {
    const page = /http:\S+filter\S+/.exec(program.output())![0];
    console.log(`${page}: letting the shop talk for ${seconds} s`);
    await sleep(seconds * 1000);
    await takeBoth(browser, page, folder, "demo");
  } finally {
    await browser.close();
    await program.stop();
  }
}

const normal = { width: 1280, height: 800 };
const phone = { width: 390, height: 800 };

/** NAME.png dark, NAME-light.png light. */
async function takeBoth(browser: Browser, url: string, folder: string, name: string): Promise<void> {
  await takePicture(browser, url, join(folder, `${name}.png`), { viewport: normal, colorScheme: "dark" });
  await takePicture(browser, url, join(folder, `${name}-light.png`), {
    viewport: normal,
    colorScheme: "light",
  });
}

/** Pictures of the cluster that the docs show. */
const shownViews: Readonly<Record<string, string>> = {
  map: "",
  details: "?link=workload:shop/Deployment/search>workload:data/Deployment/clickhouse",
  matrix: "?view=matrix&matrix=member",
  table: "?view=links",
  world: "?view=geo",
};

async function takeDocsPictures(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await withShop(async (shop, browser) => {
    for (const [name, query] of Object.entries(shownViews))
      await takeBoth(browser, `${shop.program.url}/${query}`, folder, name);
  });
  await takeExporterPictures(folder, "one");
  if (whyNoNamespaces() === false) await takeDemoPictures(folder);
  else console.log(`no picture of the demo: ${whyNoNamespaces()}`);
}

/** A cluster that has talked for a while, and a browser. */
async function withShop(use: (shop: PretendShop, browser: Browser) => Promise<void>): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "portolan-shop-"));
  const shop = await startShop(data);
  const browser = await launchBrowser();
  try {
    shop.open();
    console.log(`${shop.program.url}: letting the shop talk for ${seconds} s`);
    await sleep(seconds * 1000);
    await use(shop, browser);
  } finally {
    await browser.close();
    await shop.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** Exporters in all states of health, and none. */
async function takeExporterPictures(folder: string, looks: "one" | "all"): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "portolan-exporters-"));
  const flowPort = await freePort();
  const listen = ["--listen", "127.0.0.1:0", "--flows", `udp://127.0.0.1:${flowPort}`];
  const program = await startProgram(["server", "--data", data, ...listen]);
  const browser = await launchBrowser();
  const take = (name: string, query: string, viewport: typeof normal, colorScheme: "dark" | "light") =>
    takePicture(browser, `${program.url}/${query}`, join(folder, name), { viewport, colorScheme });
  let stopExporters = () => {};
  try {
    if (looks === "all") await take("exporters-empty.png", "?view=exporters", normal, "dark");
    stopExporters = startExporters(flowPort);
    await sleep(70_000); // the template is missing for longer than a minute
    const blind = "?view=exporters&exporter=127.20.0.3";
    await takeBoth(browser, `${program.url}/?view=exporters&exporter=127.20.0.4`, folder, "exporters");
    if (looks === "one") return;
    await take("exporters-all.png", "?view=exporters", normal, "dark");
    await take("exporters-blind.png", blind, normal, "light");
    await take("exporters-narrow.png", "?view=exporters", phone, "dark");
    await take("exporters-narrow-details.png", blind, phone, "light");
  } finally {
    stopExporters();
    await browser.close();
    await program.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** One that is well, one whose template never comes, one that loses, one whose clock is off, one of v5, and one that is none. */
function startExporters(flowPort: number): () => void {
  const [well, blind, lossy, late] = [
    new PretendV9("127.20.0.2", flowPort, 260),
    new PretendV9("127.20.0.3", flowPort, 300),
    new PretendV9("127.20.0.4", flowPort, 260),
    new PretendV9("127.20.0.5", flowPort, 260, -44),
  ];
  let round = 0;
  let sequence = 0;
  const tell = async () => {
    if (round % 10 === 0) for (const exporter of [well, lossy, late]) await exporter.announce();
    await well.tell(70_000, 9000, 420_000);
    await blind.tell(1000, 2000);
    for (let i = 0; i < 9; i++) await lossy.tell(9000, 120_000, 6000, 800);
    if (round % 4 === 3) lossy.skip(2);
    await late.tell(5000);
    const flows = exportedFlows().slice(0, 24);
    await sendFrom("127.20.0.11", flowPort, [netflow5(flows, sequence)]);
    sequence += flows.length;
    if (round % 20 === 0)
      await sendFrom("127.20.0.66", flowPort, [Buffer.from("<14>Nov 21 router: link up")]);
    round++;
  };
  const timer = setInterval(() => void tell(), 1000);
  return () => {
    clearInterval(timer);
    // What is being sent goes out first.
    setTimeout(() => [well, blind, lossy, late].map((exporter) => exporter.close()), 500);
  };
}

/** Every view of a cluster, in both themes: for whoever changes the page to look at. */
async function takeViews(folder: string): Promise<void> {
  const views: Readonly<Record<string, string>> = {
    ...shownViews,
    open: "?open=workload:shop/Deployment/web&open=country:US",
    closed: "?detail=closed",
    group: "?peer=namespace:shop",
    compare: "?compare=before",
    namespaces: "?view=matrix",
    time: "?view=series&by=workload",
    top: "?view=top",
    flows: "?view=flows",
    agents: "?view=agents",
    nothing: "?filter=port:9999 kind:pod",
  };
  await withShop(async (shop, browser) => {
    for (const colorScheme of ["dark", "light"] as const) {
      const take = (name: string, query: string, viewport: typeof normal) =>
        takePicture(browser, `${shop.program.url}/${query}`, join(folder, `${name}-${colorScheme}.png`), {
          ...{ viewport, colorScheme },
        });
      for (const [name, query] of Object.entries(views)) await take(name, query, normal);
      for (const name of ["map", "group", "table", "matrix", "world", "compare"])
        await take(`phone-${name}`, views[name]!, phone);
    }
  });
}

async function takePicture(
  browser: Browser,
  url: string,
  path: string,
  {
    without = "",
    ...options
  }: {
    viewport: { width: number; height: number };
    colorScheme: "dark" | "light";
    /** A filter that the page does not know of. */
    without?: string;
  },
): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  if (without !== "")
    await page.route("**/api/v1/live?*", (route) =>
      route.continue({ url: `${route.request().url()}&filter=${encodeURIComponent(without)}` }),
    );
  await openAt(page, url);
  await page.locator('html[data-feed="open"]').waitFor();
  if (/view=(links|top|flows)/.test(url)) await page.locator("tbody tr").first().waitFor();
  else if (url.includes("view=exporters")) await page.locator(".exporters-foot").waitFor();
  else if (!/view=|filter=/.test(url)) await page.locator("html[data-drawn-links]").waitFor();
  if (/\?(link|peer)=/.test(url)) await page.getByTestId("series-chart").waitFor();
  await sleep(4000); // the view has come to rest, and every word of the status line is there
  const picture = withPalette(await page.screenshot());
  writeFileSync(path, picture);
  console.log(`${path}  ${picture.length} bytes`);
  if (picture.length > bytesMax)
    throw new Error(`${path} has ${picture.length} bytes, more than ${bytesMax}`);
  await context.close();
}

const [role, text] = process.argv.slice(2);
const docs = fileURLToPath(new URL("../docs", import.meta.url));
if (role === "exporters") await takeExporterPictures(text ?? docs, "all");
else if (role === "views") await takeViews(text ?? mkdtempSync(join(tmpdir(), "portolan-views-")));
else if (role === "demo") await takeDemoPictures(text ?? docs);
else if (role === "machine")
  await takeMachinePictures(text ?? mkdtempSync(join(tmpdir(), "portolan-machine-")));
else await takeDocsPictures(role ?? docs);
