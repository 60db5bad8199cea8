import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { Locator, Page } from "playwright-core";
import type { Topology } from "../src/topology/index.ts";
import { formatBytes, formatCount } from "../web/src/units/units.ts";
import { isOfMachine, launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { netflow5, type PretendFlow, sendDatagrams } from "./pretend-exporter.ts";
import { PretendV9, sendFrom } from "./pretend-v9.ts";
import { freePort, liveMap, startProgram, temporaryFolder, until } from "./program.ts";

const pagePath = new URL("../web/dist/index.html", import.meta.url);
const skip = whyNoBrowser || (!existsSync(pagePath) && "the page is not built: npm run build");

const flow = (host: number, port: number, bytes: number): PretendFlow => ({
  source: `10.9.0.${host}`,
  destination: "10.9.0.2",
  sourcePort: 40_000 + host,
  destinationPort: port,
  bytes,
  packets: Math.ceil(bytes / 1000),
});
const linkId = "host:10.9.0.1>host:10.9.0.2";

interface Hooks {
  drawnLink(id: string): Promise<{ bytesSent: number } | undefined>;
  drawnPeer(id: string): Promise<{ place: { x: number; y: number } } | undefined>;
}

/** Both run in the page. */
const drawnLink = (id: string) => (globalThis as unknown as { portolan: Hooks }).portolan.drawnLink(id);
const drawnPlace = async (id: string) =>
  (await (globalThis as unknown as { portolan: Hooks }).portolan.drawnPeer(id))?.place;

test("a person at the page, from the first look to a server that went away", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const [webPort, flowPort, folder] = [await freePort(), await freePort(), temporaryFolder(t)];
  const parameters = [
    "server",
    ...["--data", folder],
    ...["--listen", `127.0.0.1:${webPort}`],
    ...["--flows", `udp://127.0.0.1:${flowPort}`],
  ];
  let program = await startProgram(parameters);
  t.after(() => program.stop("SIGKILL"));
  let sequence = 0;
  const send = async (flows: readonly PretendFlow[]) => {
    for (let at = 0; at < flows.length; at += 24) {
      const some = flows.slice(at, at + 24);
      await sendDatagrams(flowPort, [netflow5(some, sequence)]);
      sequence += some.length;
    }
  };

  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "dark" });
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  let isAway = false;
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // The browser itself tells of requests that a dead server could not answer.
    const isRefused = isAway && message.text().startsWith("Failed to load resource: net::ERR_");
    const isOurs = !isRefused && !isOfMachine(message);
    if (message.type() === "error" && isOurs) complaints.push(`${message.text()} ${message.location().url}`);
  });
  await openAt(page, program.url);

  const shown = (name: string) => page.getByTestId(name).waitFor();
  const gone = (name: string) => page.getByTestId(name).waitFor({ state: "detached" });
  const wordsOf = async (locator: Locator) => {
    await locator.waitFor();
    return (await locator.allInnerTexts()).join(" ").replaceAll(/\s+/g, " ");
  };
  const text = (name: string) => wordsOf(page.getByTestId(name));
  const counts = async (words: string) => {
    let last = "";
    const look = async () => {
      last = await text("counts");
      return last === words ? true : undefined;
    };
    await until(`the page counts ${words}`, look, 10).catch((error: Error) => {
      throw new Error(`${error.message}, last it was ${last}`);
    });
  };
  const filter = async (words: string) => {
    await page.getByTestId("filter").fill(words);
    await page.getByTestId("filter").press("Enter");
  };
  const drawn = (bytesSent: number) =>
    until(`${linkId} drawn with ${bytesSent} bytes`, async () => {
      const link = await page.evaluate(drawnLink, linkId);
      return link?.bytesSent === bytesSent ? true : undefined;
    });
  const search = () => new URL(page.url()).searchParams;

  await t.test("with nothing to show it says what to do, with this server's port", async () => {
    await shown("empty-no_flows_yet");
    await page.getByText("Point an exporter here").waitFor(); // known with the status
    const words = await text("empty-no_flows_yet");
    assert.match(words, new RegExp(`NetFlow v5, v9, IPFIX or sFlow to 127\\.0\\.0\\.1 port ${flowPort}`));
    assert.match(words, new RegExp(`softflowd .* -n 127\\.0\\.0\\.1:${flowPort}`));
    assert.match(words, /Add an agent .*portolan agent --server http/);
  });

  await t.test("in its first minute every view says so; there is no legend of nothing", async () => {
    await page.locator(".legend").waitFor({ state: "hidden" });
    for (const pane of ["Flows", "Over time", "Top", "Map"]) {
      await page.getByTestId("pane").getByText(pane, { exact: true }).click();
      await shown("empty-no_flows_yet");
      if (pane === "Flows") await page.getByText("0 records", { exact: true }).waitFor();
    }
  });

  await t.test("flows are on the map as soon as an exporter told of them", async () => {
    await send([flow(1, 443, 70_000), flow(3, 5432, 9_000)]);
    await gone("empty-no_flows_yet");
    await drawn(70_000);
    await counts("3 peers, 2 links");
  });

  await t.test("the table tells what the API tells", async () => {
    await page.keyboard.press("t");
    const table = page.getByTestId("links-table");
    await table.waitFor();
    // What is drawn may be ahead of the next commit.
    const { links, peers } = await until("both are stored", async () => {
      const map = await program.get<Topology>("/api/v1/map");
      return map.links.length === 2 ? map : undefined;
    });
    const nameOf = (id: string) => peers.find((peer) => peer.id === id)!.name;
    for (const link of links) {
      const cells = await table.locator(`[data-row="${link.id}"] td`).allInnerTexts();
      const [client, server, ports, sent, received, , packets] = cells;
      assert.deepEqual(
        { client, server, ports, sent, received, packets, observer: cells.at(-1) },
        {
          client: nameOf(link.client),
          server: nameOf(link.server),
          ports: link.ports.map(({ port, protocol }) => `${port}/${protocol}`).join(", "),
          sent: formatBytes(link.bytesSent),
          received: formatBytes(link.bytesReceived),
          packets: formatCount(link.packets),
          observer: "127.0.0.1",
        },
      );
    }
  });

  await t.test("a link chosen in the table shows its ports and who saw it; Escape lets go", async () => {
    await page.locator(`[data-row="${linkId}"]`).click();
    const details = page.locator(".details");
    await details.waitFor();
    const words = await wordsOf(details);
    assert.match(words, /10\.9\.0\.1 → 10\.9\.0\.2/);
    assert.match(words, /443\/tcp ↑ 70\.0 kB/);
    assert.match(words, /exporter 127\.0\.0\.1 ↑ 70\.0 kB/);
    assert.equal(search().get("link"), linkId);
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "detached" });
    assert.equal(search().get("link"), null);
  });

  await t.test("the raw records are one click away", async () => {
    await page.getByTestId("pane").getByText("Flows").click();
    const row = page.getByTestId("flows-table").locator("tbody tr").filter({ hasText: "10.9.0.1:40001" });
    assert.match(await wordsOf(row), /10\.9\.0\.2:443 tcp 70\.0 kB/);
    await page.keyboard.press("t");
  });

  await t.test("a peer stays where it is as 30 others come, and as a filter hides them", async () => {
    const placeOf = async (id: string) => (await page.evaluate(drawnPlace, id)) ?? "not drawn";
    const before = [await placeOf("host:10.9.0.1"), await placeOf("host:10.9.0.2")];
    assert.ok(!before.includes("not drawn"));
    const now = async () => [await placeOf("host:10.9.0.1"), await placeOf("host:10.9.0.2")];
    await send(Array.from({ length: 30 }, (_, i) => flow(100 + i, 443, 500)));
    await counts("33 peers, 32 links");
    await until("33 drawn", async () => ((await drawnPeers(page)) === 33 ? true : undefined));
    assert.deepEqual(await now(), before);
    const late = await placeOf("host:10.9.0.115");
    await filter("address:10.9.0.115");
    await counts("2 peers, 1 link");
    await until("2 drawn", async () => ((await drawnPeers(page)) === 2 ? true : undefined));
    assert.deepEqual(await placeOf("host:10.9.0.115"), late);
    await filter("bytes>1kB");
    await counts("3 peers, 2 links");
    await until("3 drawn", async () => ((await drawnPeers(page)) === 3 ? true : undefined));
    assert.deepEqual(await now(), before);
    await filter("");
    await counts("33 peers, 32 links");
  });

  await t.test("a filter with a mistake says where, and the last picture stays", async () => {
    await filter("port:443");
    await counts("32 peers, 31 links");
    await filter("port:443 colour:red");
    await shown("filter-mistake");
    assert.equal(await page.getByTestId("filter-mistake").locator("mark").textContent(), "colour");
    assert.match(await text("filter-mistake"), /unknown field/);
    assert.equal(await text("counts"), "32 peers, 31 links");
    assert.equal(search().get("filter"), "port:443");
  });

  await t.test("a filter that matches nothing offers to be cleared; markup in it is text", async () => {
    const markup = '"<img src=x onerror=document.title=1>"';
    await filter(`name:${markup}`);
    await shown("empty-filter_matches_nothing");
    assert.ok((await text("empty-filter_matches_nothing")).includes(markup));
    assert.equal(await page.locator('img[src="x"]').count(), 0);
    await page.getByRole("button", { name: "Clear the filter" }).last().click();
    await gone("empty-filter_matches_nothing");
    await counts("33 peers, 32 links");
    assert.equal(await page.getByTestId("filter").inputValue(), "");
    // Longer than typed text waits to be applied: a filter that was cleared does not come back.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 800)));
    assert.equal(search().get("filter"), null);
  });

  await t.test("a look at the past says that it is one, and leads back", async () => {
    // A picture of the past is asked for once, so all of it is to be in the store.
    await until("all is stored", async () => {
      const { links } = await program.get<Topology>("/api/v1/map?from=-1h");
      return links.length === 32 ? true : undefined;
    });
    await page.getByTestId("time").click();
    await page.getByTestId("time-1h").click();
    await shown("not-live");
    assert.match(await text("not-live"), /Not live\. Last hour/);
    await counts("33 peers, 32 links");
    assert.equal(search().get("range"), "1h");
    await page.getByRole("button", { name: "Back to live" }).click();
    await gone("not-live");
    await page.locator('html[data-feed="open"]').waitFor();
  });

  await t.test("the address brings back view, filter and selection", async () => {
    const query = new URLSearchParams({ filter: "port:443,5432", view: "links", link: linkId });
    await openAt(page, `${program.url}/?${query}`);
    await page.locator(`[data-row="${linkId}"][aria-selected="true"]`).waitFor();
    await page.locator(".details").getByText("10.9.0.1 → 10.9.0.2").waitFor();
    assert.equal(await page.getByTestId("filter").inputValue(), "port:443,5432");
    await page.keyboard.press("Escape");
    await page.keyboard.press("t");
    await drawn(70_000);
    assert.equal(search().toString(), "filter=port%3A443%2C5432");
  });

  await t.test("dark and light", async () => {
    const scheme = () => page.locator("html").getAttribute("data-mantine-color-scheme");
    assert.equal(await scheme(), "dark");
    await page.getByTestId("theme").click();
    assert.equal(await scheme(), "light");
    await page.getByTestId("theme").click();
    assert.equal(await scheme(), "dark");
  });

  await t.test("a slash goes to the filter, whose letters are no commands", async () => {
    await page.keyboard.press("/");
    const input = page.getByTestId("filter");
    assert.equal(await input.evaluate((element) => element === element.ownerDocument.activeElement), true);
    await input.fill("");
    await page.keyboard.type("t");
    assert.equal(await input.inputValue(), "t");
    assert.equal(await page.getByTestId("links-table").count(), 0);
    await filter("");
    await page.keyboard.press("Escape");
    await counts("33 peers, 32 links");
  });

  await t.test("a server that goes away is said to be away, and is found again by itself", async () => {
    isAway = true;
    await program.stop("SIGKILL");
    await shown("server-away");
    assert.match(await text("server-away"), /The server is away\. This is the last picture/);
    assert.equal(await text("counts"), "33 peers, 32 links");
    program = await startProgram(parameters);
    await gone("server-away");
    await send([flow(1, 443, 1_000)]);
    await until("the link is drawn again", async () => {
      const live = (await liveMap(program)).links.find(({ id }) => id === linkId);
      const onPage = await page.evaluate(drawnLink, linkId);
      return live !== undefined && onPage?.bytesSent === live.bytesSent ? true : undefined;
    });
    isAway = false;
  });

  await t.test("nobody complained: no error, nothing against the security policy", () => {
    assert.deepEqual(complaints, []);
  });
});

test("a person who asks why an exporter shows nothing", { skip, timeout: 120_000 }, async (t) => {
  const [webPort, flowPort, folder] = [await freePort(), await freePort(), temporaryFolder(t)];
  const program = await startProgram([
    "server",
    ...["--data", folder],
    ...["--listen", `127.0.0.1:${webPort}`],
    ...["--flows", `udp://127.0.0.1:${flowPort}`],
  ]);
  t.after(() => program.stop("SIGKILL"));
  const [healthy, blind] = [
    new PretendV9("127.0.0.2", flowPort, 260),
    new PretendV9("127.0.0.3", flowPort, 300),
  ];
  t.after(() => {
    healthy.close();
    blind.close();
  });
  const lossy = "127.0.0.4";
  let lossySequence = 0;
  /** 5 datagrams of 2 records each; 20 records are missing between the third and the fourth. */
  const lose = async () => {
    const records = [flow(5, 443, 900), flow(6, 443, 900)];
    const numbers = [0, 2, 4, 26, 28].map((number) => lossySequence + number);
    await sendFrom(
      lossy,
      flowPort,
      numbers.map((number) => netflow5(records, number)),
    );
    lossySequence += 30;
  };

  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  let isExpected = false;
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !isExpected && !isOfMachine(message))
      complaints.push(`${message.text()} ${message.location().url}`);
  });
  await openAt(page, program.url);
  const search = () => new URL(page.url()).searchParams;
  const details = page.getByTestId("details");
  const words = async (locator: Locator) => {
    await locator.first().waitFor();
    return (await locator.allInnerTexts()).join(" ").replaceAll(/\s+/g, " ").trim();
  };
  const row = (address: string) => page.getByTestId("exporters-table").locator(`[data-row="${address}"]`);
  const cells = async (address: string) => {
    await row(address).waitFor();
    const texts = await row(address).locator("td").allInnerTexts();
    const [health, , what, protocol, , , loss, sampling, clock] = texts.map((text) => text.trim());
    return { health, what, protocol, loss, sampling, clock };
  };
  const cellsBecome = async (address: string, expected: Partial<Awaited<ReturnType<typeof cells>>>) => {
    let last = {};
    const look = async () => {
      const now = await cells(address);
      last = now;
      const isSame = Object.entries(expected).every(([key, text]) => now[key as keyof typeof now] === text);
      return isSame ? true : undefined;
    };
    await until(`${address} is told as expected`, look, 15).catch((error: Error) => {
      throw new Error(`${error.message}, last ${JSON.stringify(last)} not ${JSON.stringify(expected)}`);
    });
  };

  await t.test("with no exporter it says what to type into one, with this server's port", async () => {
    await page.locator('html[data-feed="open"]').waitFor();
    await page.keyboard.press("e");
    assert.equal(search().get("view"), "exporters");
    const empty = page.getByTestId("no-exporter");
    await empty.getByText("Point an exporter here").waitFor(); // known with the status
    assert.match(await words(empty), new RegExp(`softflowd .* -n 127\\.0\\.0\\.1:${flowPort}`));
    await empty.getByText("MikroTik RouterOS").click();
    assert.match(await words(empty), new RegExp(`dst-address=127\\.0\\.0\\.1 port=${flowPort}`));
    assert.match(await words(empty), new RegExp(`Listening on udp://127\\.0\\.0\\.1:${flowPort}`));
  });

  await t.test("each exporter is told by its health, the worst first", async () => {
    await healthy.announce();
    await blind.tell(1000);
    for (let i = 0; i < 12; i++) await healthy.tell(1000);
    await lose();
    await cellsBecome("127.0.0.2", {
      health: "Good",
      what: "",
      protocol: "NetFlow v9",
      loss: "0 %",
      sampling: "unknown",
      clock: "±1 s",
    });
    await cellsBecome("127.0.0.3", { health: "Warning", what: "A template is missing" });
    await cellsBecome(lossy, {
      health: "Problem",
      what: "Loses 67 % of its records",
      protocol: "NetFlow v5",
      loss: "67 %",
    });
    const order = await page.getByTestId("exporters-table").locator("tbody td.of-address").allInnerTexts();
    assert.deepEqual(order, ["127.0.0.4", "127.0.0.3", "127.0.0.2"]);
  });

  await t.test("on the map a mark says that one needs attention, and leads there", async () => {
    await lose();
    await page.keyboard.press("e");
    const mark = page.getByTestId("attention");
    await until("one needs attention", async () =>
      (await words(mark)) === "1 exporter needs attention" ? true : undefined,
    );
    await mark.click();
    await row(lossy).waitFor();
  });

  await t.test("the details say in words what is wrong and what to do, then the figures", async () => {
    await lose();
    await row(lossy).click();
    assert.equal(search().get("exporter"), lossy);
    const finding = details.locator('[data-code="loss_on_the_way"]');
    assert.match(await words(finding), /gaps of \d0 records, 67 % of all; .*kernel threw none away/);
    assert.match(await words(finding), /Look along the way.*show flow exporter statistics/);
    assert.match(await words(details), /Loss, by its numbering of records .*Missing \d0/);
    await details.locator('[data-code="ipv6_missing"]').waitFor();
  });

  await t.test(
    "arrow keys go from one to the next; a template that comes is a finding that goes",
    async () => {
      await page.getByTestId("exporters-table").focus();
      await page.keyboard.press("ArrowDown");
      assert.equal(search().get("exporter"), "127.0.0.3");
      const finding = details.locator('[data-code="template_missing"]');
      assert.match(await words(finding), /^A template is missing|^Warning: A template is missing/);
      assert.match(await words(finding), /1 data set \(\d+ B\) can not be read without template 300/);
      assert.match(await words(finding), /softflowctl send-template/);
      assert.match(
        await words(details.getByTestId("templates-missing")),
        /300 NetFlow v9, domain 0, port \d+ 1 set/,
      );
      await blind.announce();
      await finding.waitFor({ state: "detached" });
      await cellsBecome("127.0.0.3", { health: "Good", what: "" });
      const known = details.getByTestId("templates-known");
      assert.match(await words(known), /300 NetFlow v9, domain 0, port \d+ 1 record, announced/);
      assert.equal(await known.getByText("sourceIPv4Address").isVisible(), false);
      await known.locator("summary").click();
      assert.match(
        await words(known),
        /sourceIPv4Address 4 B destinationIPv4Address 4 B .*octetDeltaCount 8 B/,
      );
    },
  );

  await t.test("its flows are one click away, and back", async () => {
    await page.getByRole("button", { name: "Show its flows" }).click();
    assert.equal(search().get("view"), "flows");
    assert.equal(search().get("filter"), "exporter:127.0.0.3");
    const rows = page.getByTestId("flows-table").locator("tbody tr");
    assert.match(await words(rows), /10\.9\.0\.1:40001 10\.9\.0\.2:443 tcp 1\.00 kB/);
    assert.equal(await rows.count(), 1);
    await page.goBack();
    await details.getByText("127.0.0.3").first().waitFor();
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "detached" });
    assert.equal(search().get("exporter"), null);
  });

  await t.test("who sends what can not be read is named, with the reason", async () => {
    await sendFrom("127.0.0.9", flowPort, [Buffer.from("GET / HTTP/1.1")]);
    const strangers = page.getByTestId("strangers");
    await strangers.locator("summary").filter({ hasText: "127.0.0.9" }).click();
    assert.match(await words(strangers), /1 datagram from 127\.0\.0\.9 is of no protocol that is read/);
  });

  await t.test("the address brings back an exporter; of one that nobody knows it says so", async () => {
    await openAt(page, `${program.url}/?view=exporters&exporter=${lossy}`);
    await details.locator('[data-code="loss_on_the_way"]').waitFor();
    await page.locator(`[data-row="${lossy}"][aria-selected="true"]`).waitFor();
    isExpected = true; // the browser tells of a 404 by itself
    await openAt(page, `${program.url}/?view=exporters&exporter=127.0.0.77`);
    await details.getByText("Nothing that can be read has come from 127.0.0.77 since the start").waitFor();
    isExpected = false;
  });

  await t.test("on a phone each is a card, and nothing runs over the side", async () => {
    await page.setViewportSize({ width: 390, height: 780 });
    await openAt(page, `${program.url}/?view=exporters`);
    await row(lossy).waitFor();
    assert.match(
      await words(row(lossy)),
      /127\.0\.0\.4 Los.* of its records NetFlow v5|127\.0\.0\.4 Lost records/,
    );
    const isWide = await page.locator(".table-scroller").evaluate((e) => e.scrollWidth > e.clientWidth);
    assert.equal(isWide, false);
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  await t.test("when the server is away the last figures stay, and are said to be the last", async () => {
    isExpected = true;
    await program.stop("SIGKILL");
    await page.getByText("The server does not answer: these are the last figures.").waitFor();
    assert.equal((await cells(lossy)).protocol, "NetFlow v5");
    await page.getByTestId("server-away").waitFor();
  });

  await t.test("nobody complained", () => assert.deepEqual(complaints, []));
});

async function drawnPeers(page: Page): Promise<number> {
  return Number(await page.locator("html").getAttribute("data-drawn-peers"));
}
