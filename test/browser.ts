import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

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
