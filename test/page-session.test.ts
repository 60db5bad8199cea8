import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { freePort, startProgram, temporaryFolder } from "./program.ts";

const token = "me-0123456789abcdef-0123456789abcdef";

test("where tokens are asked for: the form, the page at the view that was wanted, a way to Grafana, and out again", {
  skip: whyNoBrowser,
  timeout: 120_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const config = join(folder, "config.yaml");
  writeFileSync(
    config,
    `auth: {tokens: [{name: me, token: "${token}"}]}\ngrafana: {url: "http://grafana.invalid"}\nflows: []\n`,
  );
  const server = await startProgram([
    ...["server", "--config", config, "--data", join(folder, "data")],
    ...["--listen", `127.0.0.1:${await freePort()}`],
  ]);
  t.after(() => server.stop("SIGKILL"));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);

  await openAt(page, `${server.url}/?range=1h&filter=port%3A443`);
  await page.waitForURL("**/sign-in?view=*");
  await page.getByLabel(/token/i).fill("nobody's");
  await page.keyboard.press("Enter");
  await page.getByText("This is no token of this server").waitFor();
  await page.getByLabel(/token/i).fill(token);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${server.url}/?range=1h&filter=port%3A443`);
  const link = page.getByTestId("grafana");
  await link.waitFor();
  assert.equal(
    await link.getAttribute("href"),
    "http://grafana.invalid/d/portolan-topology?from=now-1h&to=now",
  );
  assert.equal(await page.getByTestId("sign-out").getAttribute("title"), "Sign out me");
  assert.ok(!(await page.content()).includes(token));

  // The session ends elsewhere: the page asks for a token again, and comes back.
  await page.context().clearCookies();
  await page.waitForURL("**/sign-in?view=range%3D1h%26filter%3Dport%253A443");
  await page.getByLabel(/token/i).fill(token);
  await page.keyboard.press("Enter");
  await page.getByTestId("sign-out").click();
  await page.waitForURL("**/sign-in");
  await openAt(page, `${server.url}/`);
  await page.waitForURL("**/sign-in*");
  assert.equal(await server.stop(), 0);
});

test("one signs in and out over plain HTTP by a name of one's network, too, where browsers say less of who asks", {
  skip: whyNoBrowser,
  timeout: 120_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const config = join(folder, "config.yaml");
  writeFileSync(config, `auth: {tokens: [{name: me, token: "${token}"}]}\nflows: []\n`);
  const server = await startProgram([
    ...["server", "--config", config, "--data", join(folder, "data")],
    ...["--listen", `127.0.0.1:${await freePort()}`],
  ]);
  t.after(() => server.stop("SIGKILL"));
  const browser = await launchBrowser({ nameOfUs: "portolan.lan" });
  t.after(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);

  const url = server.url.replace("127.0.0.1", "portolan.lan");
  await openAt(page, `${url}/?range=1h`);
  await page.waitForURL("**/sign-in?view=*");
  await page.getByLabel(/token/i).fill(token);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/?range=1h`);
  // There is no clipboard for a page then: what was to be copied is shown.
  let shown = "";
  page.once("dialog", (dialog) => {
    shown = dialog.defaultValue();
    void dialog.dismiss();
  });
  await page.getByTestId("export").click();
  await page.getByTestId("export-address").click();
  assert.equal(shown, `${url}/?range=1h`);
  await page.getByTestId("sign-out").click();
  await page.waitForURL("**/sign-in");
  assert.equal(await server.stop(), 0);
});
