import { existsSync } from "node:fs";
import { type Browser, type ConsoleMessage, chromium, type Page, type Request } from "playwright-core";

/** Debian's Chromium. */
const executablePath = "/usr/bin/chromium";

/** Why there is no browser here, or false when there is one. */
export const whyNoBrowser = existsSync(executablePath) ? false : "chromium is not installed";

/** Headless, without a GPU, and asking nobody but us. `nameOfUs` is a name that leads here, as machines of a network have: over plain HTTP browsers trust it less than 127.0.0.1. */
export function launchBrowser({ nameOfUs }: { nameOfUs?: string } = {}): Promise<Browser> {
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
      ...(nameOfUs === undefined ? [] : [`--host-resolver-rules=MAP ${nameOfUs} 127.0.0.1`]),
    ],
  });
}

const cutError = "net::ERR_NETWORK_CHANGED";

/**
 * Goes there. Chromium breaks off what it loads when the machine gets or loses a network interface, as by other tests: then once
 * more, since a page whose program did not come stays empty.
 */
export async function openAt(page: Page, url: string): Promise<void> {
  for (let triesLeft = 3; ; triesLeft--) {
    let isCut = false;
    const onFailed = (request: Request) => {
      const isOfPage = ["document", "script", "stylesheet"].includes(request.resourceType());
      isCut ||= isOfPage && request.failure()?.errorText === cutError;
    };
    page.on("requestfailed", onFailed);
    await page.goto(url).catch((error: Error) => {
      if (!error.message.includes(cutError) || triesLeft === 0) throw error;
      isCut = true;
    });
    page.off("requestfailed", onFailed);
    if (!isCut || triesLeft === 0) return;
  }
}

/** The browser tells so when anybody on this machine makes a network interface. */
export function isOfMachine(message: ConsoleMessage): boolean {
  return message.text().endsWith(cutError);
}
