import { connect, createServer, type Server, type Socket } from "node:net";

/** A wire to a server on this machine that can be cut. */
export class CuttableWire {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #isCut = false;
  port = 0;

  async start(targetPort: () => number): Promise<void> {
    this.#server = createServer((near) => {
      if (this.#isCut) return void near.destroy();
      const far = connect(targetPort(), "127.0.0.1");
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.pipe(other);
        socket.on("error", () => other.destroy());
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, "127.0.0.1", resolve));
    this.port = (this.#server.address() as { port: number }).port;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  stop(): void {
    this.cut();
    this.#server?.close();
  }
}
