import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Locator } from "playwright-core";
import { violations } from "./axe.ts";
import { isOfMachine, launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { type PretendShop, startShop } from "./pretend-shop.ts";
import { liveMap, temporaryFolder, until } from "./program.ts";

const pagePath = new URL("../web/dist/index.html", import.meta.url);
const skip = whyNoBrowser || (!existsSync(pagePath) && "the page is not built: npm run build");

/** Markup, writing from right to left, and as long as a DNS name may be. */
const hostileName = `<img src=x onerror="document.title='run'">\u202e${"ל".repeat(100)}${"x".repeat(112)}`;

interface Drawn {
  readonly x: number;
  readonly y: number;
  readonly isOpen: boolean;
  readonly isGroup: boolean;
  readonly peerCount: number;
  readonly place: { readonly x: number; readonly y: number };
}
interface Hooks {
  peers(): { id: string; namespace?: string }[];
  drawnPeer(id: string): Promise<Drawn | undefined>;
  drawnLink(id: string): Promise<{ look: string; bytesSent: number; x: number; y: number } | undefined>;
}
const drawnPeer = (id: string) => (globalThis as unknown as { portolan: Hooks }).portolan.drawnPeer(id);
/** How far down everything on the map is: headings of open groups, and signs. */
const drawnSpots = async () => {
  const { portolan } = globalThis as unknown as { portolan: Hooks };
  const ids = portolan.peers().flatMap(({ id, namespace = "" }) => [id, `namespace:${namespace}`]);
  const found = await Promise.all([...new Set(ids)].map((id) => portolan.drawnPeer(id)));
  return found.flatMap((one) => (one === undefined ? [] : [one.y]));
};
const drawnLink = (id: string) => (globalThis as unknown as { portolan: Hooks }).portolan.drawnLink(id);

const web = "workload:shop/Deployment/web";
const api = "workload:shop/Deployment/api";

test("a shop in a cluster, looked at from every side", { skip, timeout: 240_000 }, async (t) => {
  const shop: PretendShop = await startShop(temporaryFolder(t), { hostile: hostileName });
  t.after(() => shop.stop());
  for (let second = 0; second < 3; second++) await shop.talk();
  shop.open();
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: "dark",
    reducedMotion: "reduce",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !isOfMachine(message))
      complaints.push(`${message.text()} ${message.location().url}`);
  });
  const search = () => new URL(page.url()).searchParams;
  const open = async (query: string) => {
    await openAt(page, `${shop.program.url}/${query}`);
    await page.locator('html[data-feed="open"], html[data-feed="shown"]').waitFor();
  };
  const drawn = (what: string, id: string, is: (peer: Drawn | undefined) => boolean) =>
    until(what, async () => {
      const peer = await page.evaluate(drawnPeer, id);
      return is(peer) ? (peer ?? true) : undefined;
    }) as Promise<Drawn>;
  /** Where something stands once it stands still. */
  const atRest = async (id: string) => {
    let last: Drawn | undefined;
    return await until(`${id} is at rest`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const now = await page.evaluate(drawnPeer, id);
      const isSame = now !== undefined && now.place.x === last?.place.x && now.place.y === last?.place.y;
      last = now;
      return isSame ? now : undefined;
    });
  };
  const clickAt = async ({ x, y }: { x: number; y: number }, times = 1) => {
    const box = (await page.getByTestId("map").boundingBox())!;
    await page.mouse.click(box.x + x, box.y + y, { clickCount: times });
  };
  /** True when all of the map that is in no group lies between the two, its groups' headings too. */
  const isClear = async (above: Locator, below: Locator) => {
    const map = (await page.getByTestId("map").boundingBox())!;
    const [upper, lower] = [(await above.boundingBox())!, (await below.boundingBox())!];
    const spots = (await page.evaluate(drawnSpots)).map((y) => y + map.y);
    const isBetween = Math.min(...spots) > upper.y + upper.height && Math.max(...spots) < lower.y;
    return spots.length > 0 && isBetween ? true : undefined;
  };
  const words = async (testId: string) =>
    (await page.getByTestId(testId).allInnerTexts()).join(" ").replaceAll(/\s+/g, " ");

  await t.test("the map is a cluster's: namespaces are open, workloads and countries are signs", async () => {
    await open("");
    await drawn("the namespace is open", "namespace:shop", (peer) => peer?.isOpen === true);
    const workload = await drawn("the workload is a sign", web, (peer) => peer !== undefined);
    assert.equal(workload.isGroup, true);
    assert.equal(workload.peerCount, 4);
    await drawn("the country is a sign", "country:US", (peer) => peer?.isGroup === true);
    const link = await page.evaluate(drawnLink, `${web}>${api}`);
    const { links } = await shop.program.get<{ links: { id: string; client: string; bytesSent: number }[] }>(
      "/api/v1/map",
    );
    assert.ok(link !== undefined && link.bytesSent > 0 && links.length > 50);
  });

  await t.test(
    "a double click opens in place, the address says so, and a click on the heading closes",
    async () => {
      await until("all who talk have come", async () => {
        const count = () => page.evaluate("portolan.topology().peers");
        const first = await count();
        await new Promise((resolve) => setTimeout(resolve, 1500));
        return first === (await count()) ? true : undefined;
      });
      const before = await atRest(api);
      const sign = await atRest(web);
      await clickAt(sign, 2);
      const area = await drawn("it is open", web, (peer) => peer?.isOpen === true);
      assert.deepEqual(search().getAll("open"), [web]);
      assert.ok(
        Math.hypot(area.place.x - sign.place.x, area.place.y - sign.place.y) < 320,
        "where its sign was",
      );
      await page.keyboard.press("Escape");
      await page.keyboard.press("0"); // the map has the focus
      const heading = await atRest(web); // in view: that takes a moment
      assert.equal(heading.isOpen, true);
      await clickAt(heading);
      await drawn("it is closed", web, (peer) => peer?.isOpen === false);
      assert.deepEqual(search().getAll("close"), [web]);
      const after = await page.evaluate(drawnPeer, api);
      assert.deepEqual(after!.place, before!.place, "the others are where they were");
    },
  );

  await t.test(
    "with the keyboard alone: arrows choose, Enter opens, Enter on what is open closes",
    async () => {
      await open(`?peer=${encodeURIComponent(web)}`);
      await page.getByTestId("details").getByText("Deployment").first().waitFor();
      await drawn("it is a sign", web, (peer) => peer?.isOpen === false);
      await page.getByTestId("map").focus();
      await page.keyboard.press("Enter");
      await drawn("it is open", web, (peer) => peer?.isOpen === true);
      await page.keyboard.press("Enter");
      await drawn("it is closed", web, (peer) => peer?.isOpen === false);
      await page.keyboard.press("ArrowRight");
      await until("another is chosen", () => (search().get("peer") !== web ? true : undefined));
      await until("who does not see the map hears whom", async () =>
        /^\S.*, (Workload|Namespace|Country|Host|Pod)/.test(await words("chosen-words")) ? true : undefined,
      );
    },
  );

  await t.test("details of a group: who it talks with, and its filter to take away", async () => {
    await open(`?peer=${encodeURIComponent("namespace:shop")}`);
    const details = page.getByTestId("details");
    await details.getByText("Called by").waitFor();
    const text = (await details.allInnerTexts()).join(" ").replaceAll(/\s+/g, " ");
    assert.match(text, /Namespace shop/i);
    assert.match(text, /Peers 16/);
    const term = await details
      .getByText("Copy filter")
      .locator("xpath=ancestor::button")
      .getAttribute("data-copies");
    const answer = await shop.program.get<{ links: unknown[] }>(
      `/api/v1/map?filter=${encodeURIComponent(term!)}`,
    );
    assert.ok(answer.links.length > 0, term!);
  });

  await t.test(
    "names that a group's pods looked up: what fails first, tries of a search list when all are wanted",
    async () => {
      const names = page.getByTestId("looked-up-names");
      const firstWords = async () =>
        (await names.getByRole("listitem").allInnerTexts()).map((text) => text.split(/\s/, 1)[0]);
      await names.getByText("3 more were tries of a search list").waitFor();
      const failing = ["payments.old-bank.example", "rates.slow-bank.example"];
      assert.deepEqual((await firstWords()).slice(0, 2).sort(), failing);
      assert.equal((await firstWords()).length, 7);
      await names.getByRole("button", { name: "All 10" }).click();
      await names.getByText("search list, for api.github.com").nth(2).waitFor();
      assert.equal((await firstWords()).length, 10);
      await names.getByRole("button", { name: /^redis\.shop/ }).click();
      const filter = () => new URL(page.url()).searchParams.get("filter");
      await until(
        "its Service is the filter",
        () => filter() === "server.service:redis server.namespace:shop" || undefined,
      );
    },
  );

  await t.test("where there are no names it says why; of the outside none are expected", async () => {
    const names = page.getByTestId("looked-up-names");
    const { peers } = await liveMap(shop.program);
    const podOf = (workload: string) =>
      peers.find((peer) => peer.kind === "pod" && peer.workload === workload)!.id;
    await open(`?peer=${encodeURIComponent(podOf("coredns"))}`);
    await names.getByText("No agent sees the DNS of this peer.").waitFor();
    const { names: told } = await shop.program.get<{ names: { name: string }[] }>(
      "/api/v1/lookups?filter=workload:api",
    );
    assert.equal(told.length, 7);
    const api = peers.find(({ workload, container }) => workload === "api" && container !== "")!.id;
    const past = (from: number, to: number) =>
      open(`?peer=${encodeURIComponent(api)}&from=${Date.now() - from}&to=${Date.now() - to}`);
    await past(120_000, 0);
    await names.getByText("redis.shop.svc.cluster.local").waitFor();
    assert.match(await words("looked-up-names"), /\d{4}-\d\d-\d\d \d\d:00 to \d\d:00, by whole hours/);
    await past(90_000_000, 86_400_000);
    await page.getByText("Not on the map now").waitFor();
    await page.getByText("First seen").waitFor();
    assert.equal(await names.count(), 0, "that was before anybody asked");
    await open(`?peer=${encodeURIComponent("host:140.82.121.4")}`);
    await page.getByTestId("details").getByText("Called by").waitFor();
    assert.equal(await names.count(), 0, "of the outside nobody knows");
  });

  await t.test("a link between groups is one link, with all of their figures", async () => {
    await open(`?link=${encodeURIComponent(`${web}>${api}`)}`);
    const details = page.getByTestId("details");
    await details.getByText("web → api").waitFor();
    assert.match((await details.allInnerTexts()).join(" ").replaceAll(/\s+/g, " "), /3000\/tcp/);
  });

  await t.test("what is remembered: since when, at which ports, and its flows", async () => {
    const { peers, links } = await shop.program.get<{
      peers: { id: string; name: string }[];
      links: { id: string; client: string; server: string }[];
    }>("/api/v1/map");
    const { id } = peers.find(({ name }) => name.startsWith("postgres-"))!;
    const known = await until("it is stored", async () =>
      shop.program
        .get<{ firstSeen: number; ports: { port: number }[] }>(`/api/v1/peers/${encodeURIComponent(id)}`)
        .catch(() => undefined),
    );
    const minute = new Date(known.firstSeen).toTimeString().slice(0, 5);
    await open(`?peer=${encodeURIComponent(id)}`);
    const memory = page.locator('[data-testid="memory"][data-known="true"]');
    await memory.waitFor();
    assert.match(await words("memory"), new RegExp(`First seen .* ${minute} `));
    await page.getByTestId("serves").waitFor();
    assert.match(await words("serves"), /5432\/tcp/);
    const { id: link } = links.find(({ server }) => server === id)!;
    await open(`?link=${encodeURIComponent(link)}`);
    await memory.waitFor();
    assert.match(await words("memory"), /First seen/);
    await page.getByRole("button", { name: "Its flows" }).click();
    const rows = page.getByTestId("flows-table").locator("tbody tr");
    await rows.first().waitFor();
    assert.match((await rows.allInnerTexts()).join(" "), /:5432/);
    assert.equal(search().get("view"), "flows");
    // Of what is not on the map, that which is remembered is told all the same.
    await open(`?filter=port%3A9999&peer=${encodeURIComponent(id)}`);
    await memory.waitFor();
    await open(`?peer=${encodeURIComponent("namespace:shop")}`);
    await page.getByTestId("serves").waitFor();
    assert.match(await words("serves"), /5432\/tcp/);
  });

  await t.test(
    "quick filters: the heaviest, what is new, what is not idle; how much they hide is said",
    async () => {
      await open("?view=links");
      const table = page.getByTestId("links-table");
      const rows = async () => Number(await table.getAttribute("aria-rowcount")) - 1;
      const all = await until("all links are listed", async () => ((await rows()) > 50 ? rows() : undefined));
      await page.getByTestId("heaviest").selectOption({ label: "top 20" });
      await until("twenty are left", async () => ((await rows()) === 20 ? true : undefined));
      assert.equal(search().get("heaviest"), "20");
      assert.match(await words("hidden"), /^\d+ links hidden by quick filters$/);
      await page.getByTestId("heaviest").selectOption({ label: "all links" });
      await until("all are back", async () => ((await rows()) >= all ? true : undefined));

      // The shop has just opened: what the store says of one link is changed, as if it had been there for long.
      const old = `${await table.locator("tbody tr").first().getAttribute("data-row")}`;
      await page.route("**/api/v1/diff?*", async (route) => {
        const answer = await route.fetch();
        const diff = (await answer.json()) as { links: { id: string; firstSeen: number }[] };
        for (const link of diff.links) if (link.id === old) link.firstSeen = 1000;
        await route.fulfill({ response: answer, json: diff });
      });
      await page.getByText("new", { exact: true }).click();
      await until("the old one is hidden", async () =>
        (await page.getByTestId("hidden").allInnerTexts()).join("") === "1 link hidden by quick filters"
          ? true
          : undefined,
      );
      assert.equal(search().get("only"), "new");
      await page.getByText("hide idle", { exact: true }).click();
      assert.equal(search().get("only"), "new,busy");
      await page.unroute("**/api/v1/diff?*");
      // Nothing of this name is older than the window, and nothing that is kept back is lost.
      await page.getByText("new", { exact: true }).click();
      await page.getByText("hide idle", { exact: true }).click();
      await until("all are back", async () => ((await rows()) >= all ? true : undefined));
    },
  );

  await t.test("an address of a newer page is told, and goes away", async () => {
    await open("?v=2&view=matrix");
    await page.getByTestId("newer-address").getByText("version 2").waitFor();
    await page.getByRole("button", { name: "Understood" }).click();
    await page.getByTestId("newer-address").waitFor({ state: "detached" });
    assert.equal(search().get("view"), "matrix");
  });

  await t.test("switching views keeps filter, time and selection", async () => {
    await open(`?range=1h&filter=port%3A3000&peer=${encodeURIComponent(api)}`);
    const pane = page.getByTestId("pane");
    for (const label of ["Matrix", "World", "Over time", "Top", "Table", "Map"]) {
      await pane.getByText(label, { exact: true }).click();
      await until(`${label} is shown`, async () =>
        (await pane.locator("input:checked + label").allInnerTexts()).join(" ") === label ? true : undefined,
      );
      const { filter, range, peer } = Object.fromEntries(search());
      assert.deepEqual({ filter, range, peer }, { filter: "port:3000", range: "1h", peer: api }, label);
    }
  });

  await t.test(
    "the matrix: a cell is a link, a heading a group, and both are chosen like on the map",
    async () => {
      await open("?view=matrix&matrix=member");
      const matrix = page.getByTestId("matrix");
      const cell = matrix.locator(`[data-id="${web}>${api}"]`);
      assert.match((await cell.getAttribute("aria-label"))!, /^web to api: [\d.]+ [kM]B, \d links?$/);
      await cell.click();
      assert.equal(search().get("link"), `${web}>${api}`);
      await page.getByTestId("details").getByText("web → api").waitFor();
      await page.getByTestId("matrix-by").getByText("Namespaces, networks").click();
      await matrix.locator('tbody [data-id="namespace:jobs"]').click();
      assert.equal(search().get("peer"), "namespace:jobs");
      assert.equal(search().get("matrix"), null);
    },
  );

  await t.test(
    "the world: places from the addresses, the same in a list, and where the data is from",
    async () => {
      await open("?view=geo");
      const list = page.getByTestId("geo-list");
      await list.getByText("United States").click();
      assert.equal(search().get("peer"), "country:US");
      await page.locator('.geo-place.chosen[data-place="US"]').waitFor();
      assert.ok((await page.locator(".geo-arc").count()) > 5);
      assert.equal(await page.getByText("IP Geolocation by DB-IP").getAttribute("href"), "https://db-ip.com");
      const home = page.getByTestId("geo-home");
      const before = (await home.boundingBox())!;
      await page.mouse.move(before.x + before.width / 2, before.y + before.height / 2);
      await page.mouse.down();
      await page.mouse.move(before.x + 120, before.y + 60, { steps: 4 });
      await page.mouse.up();
      const after = (await home.boundingBox())!;
      assert.ok(after.x - before.x > 80, "home was dragged");
      await page.reload();
      await home.waitFor();
      assert.ok(Math.abs((await home.boundingBox())!.x - after.x) < 3, "and stays there");
      // Whoever can not drag moves it by keys, or by a click here and one there.
      await home.focus();
      for (let press = 0; press < 5; press++) await page.keyboard.press("ArrowLeft");
      const moved = await until("the keys moved it", async () => {
        const box = (await home.boundingBox())!;
        return box.x < after.x - 10 ? box : undefined;
      });
      await page.mouse.click(moved.x + moved.width / 2, moved.y + moved.height / 2);
      await page.mouse.click(moved.x + 100, moved.y + 40);
      const put = await until("it was put elsewhere", async () => {
        const box = (await home.boundingBox())!;
        return box.x > moved.x + 60 ? box : undefined;
      });
      await page.mouse.move(moved.x, moved.y);
      assert.ok(Math.abs((await home.boundingBox())!.x - put.x) < 3, "and is put down");
    },
  );

  await t.test("top: a click filters in, with Alt out", async () => {
    await open("?view=top&by=port&range=1h");
    const table = page.getByTestId("top-table");
    await table.getByText("3000", { exact: true }).click();
    await until("it is filtered", () =>
      search().get("filter") === "port:3000 protocol:tcp" ? true : undefined,
    );
    await until("one row is left", async () =>
      (await table.locator("tbody tr").count()) === 1 ? true : undefined,
    );
    await page.goBack();
    await table.getByText("5432", { exact: true }).click({ modifiers: ["Alt"] });
    await until("it is filtered out", () =>
      search().get("filter") === "-(port:5432 protocol:tcp)" ? true : undefined,
    );
    await until("it is gone", async () =>
      (await table.getByText("5432", { exact: true }).count()) === 0 ? true : undefined,
    );
  });

  await t.test(
    "cells of matrix, table and flows go into the filter: with Shift or a click in, with Alt out",
    async () => {
      const filtered = (filter: string) =>
        until(`the filter is ${filter}`, () => (search().get("filter") === filter ? true : undefined));
      await open("?view=matrix&matrix=member");
      const cell = page.getByTestId("matrix").locator(`[data-id="${web}>${api}"]`);
      assert.match((await cell.getAttribute("title"))!, /Shift-click: only this, Alt-click: without it$/);
      await cell.click({ modifiers: ["Shift"] });
      await filtered("client.namespace:shop client.workload:web server.namespace:shop server.workload:api");
      await page.goBack();
      const heading = page.getByTestId("matrix").locator(`tbody [data-id="${web}"]`);
      await heading.focus();
      await page.keyboard.press("Shift+Enter");
      await filtered("namespace:shop workload:web");
      await page.goBack();
      await heading.click({ modifiers: ["Alt"] });
      await filtered("-(namespace:shop workload:web)");
      assert.equal(search().get("peer"), null, "it is not chosen");

      await open("?view=links");
      const port = page.getByTestId("links-table").locator("td").getByText("5432/tcp").first();
      await port.click({ modifiers: ["Alt"] });
      await filtered("-(port:5432 protocol:tcp)");
      assert.equal(search().get("link"), null, "it is not chosen");

      await open("?view=flows");
      const flows = page.getByTestId("flows-table");
      await flows.locator("tbody tr").first().waitFor();
      await flows.focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Enter");
      await filtered("protocol:tcp");
      const address = flows.locator("tbody button").first();
      await address.waitFor();
      const [text = ""] = await address.allInnerTexts();
      await address.click({ modifiers: ["Alt"] });
      await filtered(`protocol:tcp -(address:${text.split(":")[0]})`);
    },
  );

  await t.test("over time: a chart and its table, and dragging over a part looks at that part", async () => {
    await open("?view=series&by=server&range=1h");
    const chart = page.getByTestId("stack-chart");
    await chart.locator("canvas").waitFor();
    assert.equal(await page.getByTestId("series-table").locator("tbody tr").count(), 8);
    const box = (await chart.locator(".u-over").boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.2, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.getByTestId("not-live").waitFor();
    const minutes = (Number(search().get("to")) - Number(search().get("from"))) / 60_000;
    assert.ok(minutes > 20 && minutes < 28, `${minutes} minutes of an hour`);
  });

  await t.test(
    "the strip below: a click looks at that moment, arrow keys move the window, its end is live",
    async () => {
      await open("");
      const strip = page.getByTestId("strip").getByRole("slider");
      const box = (await strip.boundingBox())!;
      await page.mouse.click(box.x + box.width * 0.25, box.y + 10);
      await page.getByTestId("not-live").waitFor();
      const from = Number(search().get("from"));
      assert.ok(Number(search().get("to")) > from);
      await strip.focus();
      await page.keyboard.press("ArrowLeft");
      await until("it moved", () => (Number(search().get("from")) < from ? true : undefined));
      for (let presses = 0; presses < 40 && search().get("from") !== null; presses++)
        await page.keyboard.press("Shift+ArrowRight");
      assert.equal(search().get("from"), null);
      await page.locator('html[data-feed="open"]').waitFor();
    },
  );

  await t.test(
    "compared with the time before, all is new; what it is compared with is in the address",
    async () => {
      await page.getByTestId("compare").click();
      await page.getByTestId("compare-1d").click();
      await page.getByTestId("comparing").waitFor();
      assert.equal(search().get("compare"), "1d");
      await until("a link is drawn as new", async () =>
        (await page.evaluate(drawnLink, `${web}>${api}`))?.look === "new" ? true : undefined,
      );
      await page.getByText("much the same").waitFor();
      await until("the map is clear of what is told above it and of the legend", async () =>
        isClear(page.getByTestId("comparing"), page.locator(".legend-plate")),
      );
      await page
        .getByTestId("comparing")
        .getByText(/\d+ new \(\d+ never seen before\), 0 gone, 0 in both/)
        .waitFor();
      await page.keyboard.press("t");
      const table = page.getByTestId("links-table");
      const head = (await table.locator("th").allInnerTexts()).join(" ");
      assert.match(head, /Before Now Change ↓ Factor/);
      assert.match(
        (await table.locator("tbody tr").first().allInnerTexts()).join(" "),
        /0 B\/s\s.*\+.*\snew\s/s,
      );
      await table.getByRole("button", { name: "Factor" }).click();
      await table.locator('th[aria-sort="descending"]').getByText("Factor ↓").waitFor();
      await page.keyboard.press("t");
      await page.getByRole("button", { name: "Stop comparing" }).click();
      await until("it is as before", async () =>
        (await page.evaluate(drawnLink, `${web}>${api}`))?.look === "active" ? true : undefined,
      );
    },
  );

  await t.test("health is drawn: what fails, and what is slower than its past", async () => {
    await open("");
    const look = async (from: string, to: string) =>
      (await page.evaluate(drawnLink, `workload:${from}>workload:${to}`))?.look;
    await until("it fails", async () =>
      (await look("shop/Deployment/cart", "shop/Deployment/postgres")) === "warning" ? true : undefined,
    );
    assert.equal(await look("shop/Deployment/search", "data/Deployment/clickhouse"), "slow");
    const spot = await page.evaluate(
      drawnLink,
      "workload:shop/Deployment/search>workload:data/Deployment/clickhouse",
    );
    const box = (await page.getByTestId("map").boundingBox())!;
    await page.mouse.move(box.x + spot!.x, box.y + spot!.y);
    await page.getByTestId("map-tooltip").getByText("RTT 64.0 ms, least 2.0 ms").waitFor();
    // What fails within a closed group is told of it.
    await open("?detail=closed");
    const sign = await drawn("the namespace is a sign", "namespace:shop", (peer) => peer?.isOpen === false);
    await page.mouse.move(box.x + sign.x, box.y + sign.y);
    await page.getByTestId("map-tooltip").getByText("1 link in trouble").waitFor();
  });

  await t.test(
    "what the network cuts, as when it changes, is asked again: an answer, and a part of the page",
    async () => {
      await open("");
      const cut = async (pattern: RegExp) => {
        let times = 0;
        await page.route(pattern, (route) => (times++ === 0 ? route.abort("failed") : route.continue()));
        return () => times;
      };
      const before = complaints.length;
      const [ofPart, ofAnswer] = [
        await cut(/\/assets\/flows-table-.*\.js$/),
        await cut(/\/api\/v1\/flows\?/),
      ];
      await page.keyboard.press("7");
      await page.getByTestId("flows-table").locator("tbody tr").first().waitFor();
      assert.ok(ofPart() >= 2 && ofAnswer() >= 2, `${ofPart()} and ${ofAnswer()} times`);
      await page.unrouteAll();
      // The browser tells of both by itself.
      assert.deepEqual(
        complaints.splice(before).map((text) => /net::ERR_FAILED/.test(text)),
        [true, true],
      );
    },
  );

  await t.test("addresses in the details stand on one line each", async () => {
    await open("?peer=host:192.168.10.20");
    for (const label of ["Address", "Network"]) {
      const fact = page.locator(".facts div", { hasText: label }).locator("dd");
      await fact.waitFor();
      const { height } = (await fact.boundingBox())!;
      assert.ok(height < 30, `${label}: ${height} pixels high`);
    }
    await open("");
  });

  await t.test("what a filter may look like is offered to the keyboard too", async () => {
    await open("?peer=host:192.168.10.20");
    const input = page.getByTestId("filter");
    await input.focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("t");
    await page.keyboard.press("Escape");
    await page.getByTestId("filter-examples").waitFor({ state: "detached" });
    assert.equal(search().get("peer"), "host:192.168.10.20", "it stays selected");
    assert.equal(search().get("view"), null, "and the view the same");
    await open("");
    await input.fill("");
    await page.keyboard.press("Tab");
    const filter = await page
      .locator("[data-testid=filter-examples] li:first-child :focus code")
      .textContent();
    await page.keyboard.press("Enter");
    await until("it is applied", () => (search().get("filter") === filter ? true : undefined));
    await page.locator("[data-testid=filter]:focus").waitFor();
    await input.fill("");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Escape");
    await page.getByTestId("filter-examples").waitFor({ state: "detached" });
  });

  await t.test("the filter completes fields, then values, by keyboard", async () => {
    const input = page.getByTestId("filter");
    await input.fill("");
    await page.keyboard.type("ki");
    await page.getByTestId("completions").getByText("kind:").waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await input.inputValue(), "kind:");
    await page.getByRole("option", { name: /^pod/ }).waitFor();
    await page.keyboard.type("po");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await input.inputValue(), "kind:pod");
    await page.keyboard.press("Enter");
    await until("it is applied", () => (search().get("filter") === "kind:pod" ? true : undefined));
  });

  await t.test("letters that come right after a completion, and between frames, stay in order", async () => {
    const input = page.getByTestId("filter");
    await input.fill("");
    await page.keyboard.type("ki");
    await page.getByTestId("completions").getByText("kind:").waitFor();
    await page.evaluate(`(async () => {
      const write = (letter) => document.execCommand("insertText", false, letter);
      const tab = new KeyboardEvent("keydown", { key: "Tab", bubbles: true, cancelable: true });
      document.activeElement.dispatchEvent(tab);
      write("p");
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      write("o");
    })()`);
    assert.equal(await input.inputValue(), "kind:po");
    await input.fill("kind:pod");
    await page.keyboard.press("Escape");
  });

  await t.test(
    "values that are not on the map are the server's to tell; a slow answer to old letters is given up",
    async () => {
      await open("?filter=port%3A3000");
      const input = page.getByTestId("filter");
      // On the map are those of port 3000 alone.
      await input.fill("workload:post");
      await page.getByRole("option", { name: /^postgres was seen before/ }).waitFor();
      let given: string[] = [];
      await page.route("**/api/v1/values?*", async (route) => {
        given.push(new URL(route.request().url()).searchParams.get("prefix") ?? "");
        await new Promise((resolve) => setTimeout(resolve, 400));
        await route.continue().catch(() => {});
      });
      await input.fill("workload:");
      await page.keyboard.type("clickh", { delay: 20 });
      await page.keyboard.type("o", { delay: 20 });
      await page.getByRole("option", { name: /^clickhouse/ }).waitFor();
      given = given.filter((prefix) => prefix !== "");
      assert.deepEqual(given, ["clickho"], "asked once, after a pause");
      await page.unroute("**/api/v1/values?*");
      await page.keyboard.press("Tab");
      assert.equal(await input.inputValue(), "workload:clickhouse");
      await input.fill("");
    },
  );

  await t.test("a filter that matches nothing says which part of it does not", async () => {
    await open(`?filter=${encodeURIComponent("kind:pod port:9999")}`);
    await page.getByTestId("why-nothing").waitFor();
    assert.match(await words("why-nothing"), /kind:pod alone matches \d+ links port:9999 matches nothing/);
  });

  await t.test("commands: by Ctrl K, a few letters and Enter; peers by name too", async () => {
    await open("");
    await page.keyboard.press("Control+k");
    await page.getByTestId("palette").waitFor();
    await page.keyboard.type("last 6");
    await page.keyboard.press("Enter");
    await until("six hours", () => (search().get("range") === "6h" ? true : undefined));
    await page.keyboard.press("Control+k");
    await page.getByTestId("palette").waitFor();
    await page.keyboard.type("clickhouse-");
    await page
      .getByRole("option", { name: /clickhouse-/ })
      .first()
      .waitFor();
    await page.keyboard.press("Enter");
    await page.getByTestId("details").waitFor();
    assert.match(search().get("peer")!, /^pod:uid-data-clickhouse/);
    await page.keyboard.press("Control+k");
    await page.getByTestId("palette").waitFor();
    await page.keyboard.press("Escape");
    await page.getByTestId("palette").waitFor({ state: "detached" });
    await page.keyboard.press("2");
    assert.equal(search().get("view"), "matrix");
  });

  await t.test("the map goes away as PNG and SVG, its links as CSV", async () => {
    await open("");
    await drawn("the map is there", web, (peer) => peer !== undefined);
    const download = async (testId: string) => {
      await page.getByTestId("export").click();
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByTestId(testId).click()]);
      return { name: file.suggestedFilename(), content: readFileSync((await file.path())!) };
    };
    const png = await download("export-png");
    assert.match(png.name, /^portolan-map-\d{4}-\d\d-\d\d-\d{4}\.png$/);
    assert.equal(png.content.toString("latin1", 1, 4), "PNG");
    assert.equal(png.content.readUInt32BE(16), (await page.getByTestId("map").boundingBox())!.width);
    const svg = (await download("export-svg")).content.toString();
    const inspect = `(text) => {
      const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
      return parsed.querySelector("parsererror")?.textContent ?? parsed.querySelectorAll("img, script, foreignObject").length;
    }`;
    assert.equal(await page.evaluate(`(${inspect})(${JSON.stringify(svg)})`), 0);
    assert.ok(svg.includes(">postgres</text>"));
    assert.match(
      svg,
      /<g stroke="#[0-9a-f]{6}"><path d="M[^"]+"\/><path d="M[^"]+" fill="none"/,
      "a shape and its icon",
    );
    const signs = await page.locator(".legend li").allTextContents();
    for (const kind of ["process", "container", "pod", "Service", "node", "address", "not known who"])
      assert.ok(signs.includes(kind), kind);
    const csv = (await download("export-csv")).content.toString().trimEnd().split("\r\n");
    const { links } = await shop.program.get<{ links: unknown[] }>("/api/v1/map");
    assert.equal(csv.length, links.length + 1);
  });

  await t.test("what is dragged by hand is pinned, and is there at the next visit", async () => {
    await open("");
    const before = await drawn(
      "it is drawn",
      "workload:jobs/Deployment/mailer",
      (peer) => peer !== undefined,
    );
    const box = (await page.getByTestId("map").boundingBox())!;
    await page.mouse.move(box.x + before.x, box.y + before.y);
    await page.mouse.down();
    await page.mouse.move(box.x + before.x + 30, box.y + before.y + 40, { steps: 5 });
    await page.mouse.up();
    await until("it is kept", async () =>
      (await page.evaluate<string | null>(`localStorage.getItem("portolan-pins")`))?.includes("mailer")
        ? true
        : undefined,
    );
    const moved = await atRest("workload:jobs/Deployment/mailer");
    assert.ok(Math.hypot(moved.place.x - before.place.x, moved.place.y - before.place.y) > 20);
    // What is held for another filter's peers may still move: all that is drawn has been told when it is kept anew.
    await page.evaluate('localStorage.removeItem("portolan-homes")');
    await page.getByRole("button", { name: "Zoom in (+)" }).click();
    await until("homes are kept", async () =>
      (await page.evaluate<string | null>(`localStorage.getItem("portolan-homes")`))?.includes(
        "namespace:jobs",
      )
        ? true
        : undefined,
    );
    const others = await page.evaluate(drawnPeer, api);
    await page.reload();
    await drawn("it is drawn again", "workload:jobs/Deployment/mailer", (peer) => peer !== undefined);
    const again = await atRest("workload:jobs/Deployment/mailer");
    assert.ok(Math.hypot(again.place.x - moved.place.x, again.place.y - moved.place.y) < 1.5);
    const kept = await page.evaluate(drawnPeer, api);
    assert.ok(Math.hypot(kept!.place.x - others!.place.x, kept!.place.y - others!.place.y) < 1.5);
    await page.getByRole("button", { name: "Let go of 1 pinned" }).click();
    await drawn(
      "it is back",
      "workload:jobs/Deployment/mailer",
      (peer) => Math.abs(peer!.place.y - before.place.y) < 1.5,
    );
  });

  await t.test(
    "a hostile name is text, on the map's tooltip, in the table, the details and everywhere else",
    async () => {
      const id = "process:node-0/hostile";
      for (const query of [
        "?view=links",
        "?view=matrix&matrix=member",
        "?view=top&by=client&range=1h",
        "?",
      ]) {
        await open(`${query}&peer=${encodeURIComponent(id)}`);
        await page.getByText("<img src=x").first().waitFor();
        await page.getByTestId("looked-up-names").getByText("<img src=x").waitFor();
        assert.equal(await page.locator('img[src="x"]').count(), 0, query);
        assert.notEqual(await page.title(), "run");
        const isWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
        assert.equal(isWide, false, `${query} runs over the side`);
      }
    },
  );

  await t.test("axe finds no violation in any view, dark and light", async () => {
    const found: string[] = [];
    for (const scheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const query of [
        "",
        `?peer=${encodeURIComponent(web)}`,
        "?view=matrix",
        "?view=geo",
        "?view=series&range=1h",
        "?view=top&range=1h",
        "?view=links",
        "?view=flows",
        "?view=exporters",
        "?compare=before",
      ]) {
        await open(query);
        await page.locator(":is(.view-bar, .map canvas, table, .geo-list):visible").first().waitFor();
        for (const violation of await violations(page)) found.push(`${query} ${scheme}: ${violation}`);
      }
    }
    assert.deepEqual(found, []);
  });

  await t.test("on a phone nothing runs over the side", async () => {
    await page.setViewportSize({ width: 390, height: 780 });
    for (const query of [
      "",
      "?view=matrix",
      "?view=geo",
      "?view=series&range=1h",
      "?view=top&range=1h",
      "?view=links",
      "?view=exporters",
    ]) {
      await open(query);
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.equal(wide, 390, query);
      const chosen = (await page.locator('[data-testid="pane"] input:checked + label').boundingBox())!;
      assert.ok(chosen.x >= 0 && chosen.x + chosen.width <= 390, `${query}: the chosen view is in sight`);
    }
  });

  await t.test("on a phone what is chosen is seen above its details", async () => {
    await open("");
    const sign = await atRest(web);
    await clickAt(sign);
    const details = page.getByTestId("details");
    await details.waitFor();
    const isAbove = async () => {
      const map = (await page.getByTestId("map").boundingBox())!;
      const spot = await page.evaluate(drawnPeer, web);
      return spot !== undefined && map.y + spot.y < (await details.boundingBox())!.y ? true : undefined;
    };
    await until("it is above", isAbove);
    // Looked at by hand: nothing follows, but what is chosen comes into sight.
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "detached" });
    const box = (await page.getByTestId("map").boundingBox())!;
    await page.mouse.move(box.x + 20, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 20, box.y + 220, { steps: 6 });
    await page.mouse.up();
    await clickAt(await atRest(web));
    await details.waitFor();
    await until("it is above again", isAbove);
  });

  await t.test("nobody complained: no error, nothing against the security policy", () => {
    assert.deepEqual(complaints, []);
  });
});
