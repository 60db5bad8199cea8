import { closeSync, openSync, readSync } from "node:fs";
import { insideNamespace } from "../netlink/inside-namespace.ts";
import type { NetworkNamespace } from "../network-namespaces.ts";

/** net.netfilter.nf_conntrack_events: 0 nothing is announced, 1 all is, 2 what somebody listens to (Linux 5.19). */
const path = "/proc/sys/net/netfilter/nf_conntrack_events";

/** Whether connection tracking announces anything in one network namespace. Stays open, so that asking is one read. */
export class AnnouncementSwitch {
  #fd: number;
  readonly #text = new Uint8Array(8);

  /** Throws KernelError when the namespace cannot be entered. */
  constructor(networkNamespace: NetworkNamespace) {
    // Which namespace's the file is, is decided when it is opened. Without it (no CONFIG_NF_CONNTRACK_EVENTS) nothing can be said.
    this.#fd = insideNamespace(networkNamespace, () => {
      try {
        return openSync(path, "r");
      } catch {
        return -1;
      }
    });
  }

  isOff(): boolean {
    if (this.#fd < 0) return false;
    try {
      return readSync(this.#fd, this.#text, 0, this.#text.length, 0) > 0 && this.#text[0] === 0x30;
    } catch {
      return false; // the namespace is gone
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
