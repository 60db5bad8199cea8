import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { type IngestMessage, writeMessage } from "../src/ingest/index.ts";
import { sampleMessage } from "../src/ingest/testdata/sample-message.ts";
import { violations } from "./axe.ts";
import { isOfMachine, launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { freePort, startProgram, temporaryFolder, until } from "./program.ts";

const pagePath = new URL("../web/dist/index.html", import.meta.url);
const skip = whyNoBrowser || (!existsSync(pagePath) && "the page is not built: npm run build");

/** A program, and its page with nothing to complain of at the end. */
async function openPage(t: TestContext, command: "up" | "server", environment = {}) {
  const program = await startProgram(
    [
      command,
      ...["--data", temporaryFolder(t)],
      ...["--listen", `127.0.0.1:${await freePort()}`],
      ...["--flows", `udp://127.0.0.1:${await freePort()}`],
    ],
    [],
    environment,
  );
  t.after(() => program.stop("SIGKILL"));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "dark" });
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !isOfMachine(message)) complaints.push(message.text());
  });
  const words = async (name: string) => {
    const locator = page.getByTestId(name);
    await locator.first().waitFor();
    return (await locator.allInnerTexts()).join(" ").replaceAll(/\s+/g, " ").trim();
  };
  const become = async (name: string, expected: RegExp) => {
    let last = "";
    const look = async () => {
      last = await words(name);
      return expected.test(last) ? true : undefined;
    };
    await until(`${name} becomes ${expected}`, look, 20).catch((error: Error) => {
      throw new Error(`${error.message}, last it was ${last}`);
    });
  };
  return { program, page, words, become, complaints };
}

test("a server without an agent of its own: no warning, how to add one, then who reports and how well", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { program, page, words, become, complaints } = await openPage(t, "server");
  const send = async (message: Partial<IngestMessage>) => {
    const answer = await fetch(`${program.url}/api/v1/ingest`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
      body: Buffer.from(writeMessage(sampleMessage(message))),
    });
    return answer.status;
  };
  const part = (name: string, reason = "") => ({ name, isOn: reason === "", reason });
  const report = (...parts: readonly ReturnType<typeof part>[]) => ({
    ...{ parts, sockets: 40, spoolBytes: 0, spoolMessages: 0, way: "", limits: [], dns: undefined },
  });
  await openAt(page, program.url);

  await t.test("nobody reports: it says how an agent is added, and nothing is wrong", async () => {
    await become("agents", /^no agent$/);
    assert.equal(await page.locator(".status .lamp.warning").count(), 0);
    assert.match(await words("empty-no_flows_yet"), /Add an agent .*\.\/portolan agent --server http/);
    await page.getByTestId("agents").click();
    await page.locator(".status-words").getByTestId("add-agent").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".status-words").waitFor({ state: "detached" });
    await page.keyboard.press("a");
    assert.match(
      await words("no-agent"),
      /No agent yet .*\.\/portolan agent --server http.* \.\/portolan token --agent MACHINE/,
    );
    assert.deepEqual(await violations(page), []);
  });

  await t.test("agents report: how many, and what is wrong with whom", async () => {
    const ids = (digit: string) => ({ instance: digit.repeat(32), epoch: digit.repeat(32) });
    const told = { drops: [{ reason: "connection_limit", count: 7 }] };
    assert.equal(await send({ ...ids("a"), node: "alpha", report: report(part("tcp")) }), 200);
    await become("agents", /^1 agent, 40 sockets$/);
    assert.equal(await page.locator(".status .lamp.warning").count(), 0);
    const limited = report(part("tcp"), part("nat", "no connection tracking"));
    assert.equal(await send({ ...ids("b"), node: "beta", report: limited, ...told }), 200);
    assert.equal(await send({ ...ids("c"), node: "beta", report: report() }), 409);
    await become("agents", /^2 agents, 80 sockets, 1 to look at, 1 turned away$/);
    assert.equal(await page.locator(".status .lamp.warning").count(), 1);
    await page.getByTestId("agents").click();
    const bodies = page.getByTestId("remote-agents").locator("tbody");
    await bodies.nth(1).waitFor();
    const rows = await bodies.allInnerTexts();
    assert.match(
      rows[0]!.replaceAll(/\s+/g, " "),
      /Warning: beta .*translation is off: no connection tracking\. 7 connection_limit/,
    );
    assert.match(rows[1]!.replaceAll(/\s+/g, " "), /Good: alpha .* 40 /);
    assert.match(
      await words("turned-away"),
      /the agent of beta at 127\.0\.0\.1\. Another agent reports beta/,
    );
    await page.getByRole("button", { name: "Show all agents" }).click();
    const listed = page.getByTestId("agents-table");
    const beta = (await listed.locator('[data-node="beta"]').allInnerTexts())
      .join(" ")
      .replaceAll(/\s+/g, " ");
    assert.match(
      beta,
      /^Warning beta 127\.0\.0\.1 .* empty Reads TCP\. Address translation is off: no connection tracking\. 7 connection_limit\s*$/,
    );
    assert.match((await listed.locator('[data-node="alpha"]').allInnerTexts()).join(" "), /^Good/);
    assert.equal(new URL(page.url()).searchParams.get("view"), "agents");
    for (const colorScheme of ["light", "dark"] as const) {
      // Loaded anew, so that no colour is on its way from one theme to the other.
      await page.emulateMedia({ colorScheme });
      await page.reload();
      await listed.waitFor();
      assert.deepEqual(await violations(page), [], colorScheme);
    }
    await page.setViewportSize({ width: 390, height: 780 });
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
  });

  assert.deepEqual(complaints, []);
});

test("this machine's own agent: each part is told, on or off and why; resolvers with their failures and latency", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { program, page, words, complaints } = await openPage(t, "up", { PORTOLAN_AGENT_NAT: "false" });
  const resolver = {
    ...{ queryCount: 12, answerCount: 10, failureCounts: { NXDOMAIN: 3, SERVFAIL: 1 }, timedOutCount: 2 },
    ...{ latencyMeanMilliseconds: 8.25, latencyMaxMilliseconds: 140, latencySumMilliseconds: 82.5 },
  };
  // What this machine looks up is not known, so the answer has a resolver put into it.
  await page.route("**/api/v1/status", async (route) => {
    const answer = await route.fetch();
    const status = await answer.json();
    status.agent.dns.resolvers = [{ address: "192.0.2.53", ...resolver }];
    status.agent.dns.names = [{ name: "gone.example", ...resolver }];
    await route.fulfill({ response: answer, json: status });
  });
  await openAt(page, program.url);
  await page.getByTestId("agents").click();
  const parts = await words("agent-parts");
  assert.match(parts, /TCP (on|off).* UDP, ICMP and the rest (on|off).* DNS names (on|off)/);
  assert.match(parts, /Address translation off It was not asked for\. Set agent\.nat to true\.$/);
  const table = /192\.0\.2\.53 12 3 NXDOMAIN, 1 SERVFAIL 2 8\.3 ms 140 ms$/;
  assert.match(await words("resolvers"), table);
  assert.match(await words("failing-names"), /gone\.example 12 /);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByTestId("palette").waitFor();
  await page.keyboard.type("agents");
  await page.keyboard.press("Enter");
  assert.match(
    await words("agents-view"),
    /this machine .* Address translation off It was not asked for|is not observed .* off/,
  );
  assert.match(
    program.output(),
    / {2}TCP .*\n(.*\n)* {2}UDP, ICMP .*\n(.*\n)* {2}DNS names .*\n(.*\n)* {2}NAT .*off/,
  );
  assert.deepEqual(complaints, []);
});
