import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createPlainHttp, plain } from "./plain-http.ts";

async function startHttp(t: TestContext, answerTo = () => Promise.resolve(plain(200, "ok\n"))) {
  const http = createPlainHttp({ host: "127.0.0.1", port: 0 }, { answerTo, onError: assert.fail });
  const { port, url } = await http.start();
  t.after(() => http.stop());
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const open = async (count: number): Promise<Socket[]> => {
    const opened = Array.from({ length: count }, () => connect(port, "127.0.0.1"));
    for (const socket of opened) socket.on("error", () => {}).resume();
    sockets.push(...opened);
    await Promise.all(opened.map((socket) => once(socket, "connect")));
    return opened;
  };
  return { url, open };
}

const ask = (url: string) => fetch(`${url}/healthz`, { headers: { connection: "close" } });

test("whoever asks is answered, however many connections ask nothing: the longest silent go", async (t) => {
  const { url, open } = await startHttp(t);
  const first = await open(256);
  const firstEnds = once(first[0]!, "close");
  for (let i = 0; i < 3; i++) {
    await open(60);
    assert.equal(await (await ask(url)).text(), "ok\n");
  }
  await firstEnds;
  const ended = first.filter(({ destroyed }) => destroyed).length;
  assert.ok(ended >= 100, `${ended} of the first are gone`);
});

test("who is being answered stays; where all are, the new one goes", async (t) => {
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let count = 0;
  let onAll = () => {};
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  const { open } = await startHttp(t, async () => {
    if (++count === 256) onAll();
    await asked;
    return plain(200, "ok\n");
  });
  const asking = await open(256);
  for (const socket of asking) socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  await all;
  const [late] = await open(1);
  if (!late!.destroyed) await once(late!, "close");
  const answers = Promise.all(asking.map((socket) => once(socket, "data")));
  answer();
  for (const [bytes] of await answers) assert.match(String(bytes), /^HTTP\/1\.1 200/);
  // Answered, they ask nothing: there is room again.
  const [next] = await open(1);
  next!.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.match(String((await once(next!, "data"))[0]), /^HTTP\/1\.1 200/);
});
