import { existsSync } from "node:fs";
import { type Browser, type ConsoleMessage, chromium } from "playwright-core";

/** Debian's Chromium. */
const executablePath = "/usr/bin/chromium";

/** Why there is no browser here, or false when there is one. */
export const whyNoBrowser = existsSync(executablePath) ? false : "chromium is not installed";

/** Headless, without a GPU, and asking nobody but us. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/**
 * The browser tells of each 404 by itself. The details of a peer or link ask what is stored of it, and until its first minute is over
 * that is nothing.
 */
export function isOfUnstored(message: ConsoleMessage): boolean {
  const isOne = /\/api\/v1\/(peers|links)\/[^/]+$/.test(message.location().url.replace(/\?.*/, ""));
  return isOne && message.text().includes("status of 404");
}
