/**
 * A connection whose addresses or ports the kernel changes on the way. Its original tuple is what whoever opened it sent; the
 * reply tuple is what comes back: its source answered, its destination is who that saw calling. Without translation each is
 * the other's mirror.
 */
export class TranslatedConnection {
  /** Four addresses of 16 bytes, IPv4 mapped: original source, original destination, reply source, reply destination. */
  readonly addresses = new Uint8Array(64);
  /** Of protocols without ports, 0. */
  originalSourcePort = 0;
  originalDestinationPort = 0;
  replySourcePort = 0;
  replyDestinationPort = 0;
  /** IANA's protocol number. */
  protocol = 0;
  /** Connection tracking zone; tables of different zones in one namespace may have the same tuple. */
  zone = 0;
  /** Inode of the network namespace that translates. */
  networkNamespace = 0;
  /** Unix ms at which it was over, if not some seconds later: nothing was announced then yet. 0 of one that is not over. */
  endedMilliseconds = 0;

  /** Whether the reply tuple is just the original one's mirror. */
  isMirrored(): boolean {
    if (this.originalSourcePort !== this.replyDestinationPort) return false;
    if (this.originalDestinationPort !== this.replySourcePort) return false;
    const { addresses } = this;
    for (let i = 0; i < 16; i++) {
      if (addresses[i] !== addresses[48 + i] || addresses[16 + i] !== addresses[32 + i]) return false;
    }
    return true;
  }
}
