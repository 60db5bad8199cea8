/** What a page keeps: heap after a collection, of its main thread and of the map's worker, and the nodes of its document. */
import type { Page } from "playwright-core";

export interface HeapUse {
  readonly mainBytes: number;
  readonly workerBytes: number;
  readonly nodes: number;
  readonly listeners: number;
}

type Send = (method: string) => Promise<unknown>;

/** Returns how to measure. The worker is reached through the page's session, which passes messages on. */
export async function openHeap(page: Page): Promise<() => Promise<HeapUse>> {
  const session = await page.context().newCDPSession(page);
  const waiting = new Map<number, (result: unknown) => void>();
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: unknown };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  const attached = new Promise<string>((resolve) =>
    session.once("Target.attachedToTarget", ({ sessionId }) => resolve(sessionId)),
  );
  await session.send("Target.setAutoAttach", {
    ...{ autoAttach: true, waitForDebuggerOnStart: false, flatten: false },
  });
  const sessionId = await attached;
  let count = 0;
  const askWorker: Send = (method) => {
    const id = ++count;
    const message = JSON.stringify({ id, method });
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      void session.send("Target.sendMessageToTarget", { sessionId, message });
    });
  };
  const askPage: Send = (method) => session.send(method as "Runtime.getHeapUsage");
  return async () => {
    const mainBytes = await usedAfterCollection(askPage);
    const workerBytes = await usedAfterCollection(askWorker);
    const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
    return { mainBytes, workerBytes, nodes, listeners: jsEventListeners };
  };
}

async function usedAfterCollection(ask: Send): Promise<number> {
  await ask("HeapProfiler.collectGarbage");
  const { usedSize } = (await ask("Runtime.getHeapUsage")) as { usedSize: number };
  return usedSize;
}
