import { FlowBatch, type FlowColumns } from "../flow/index.ts";
import { layersMax } from "./layers.ts";

/**
 * Where the reading of one packet stands. One object is used for all packets, so that none is made per packet; nothing in it
 * is kept from one to the next.
 */
export class Walk {
  bytes: Uint8Array = new Uint8Array();
  /** Of the next header. */
  offset = 0;
  end = 0;
  batch = new FlowBatch(0);
  columns: FlowColumns = this.batch.columns;
  row = 0;
  hasDetails = false;
  /** Until a tunnel begins: only outer headers are written into the row. */
  isOuter = true;
  vlanCount = 0;
  /** Where the first label of MPLS or the network header begins; -1 before that. */
  layer3Offset = -1;
  hasNetworkHeader = false;
  readonly #layers = new Uint32Array(layersMax);
  readonly #sizes = new Uint32Array(layersMax);
  #layerCount = 0;

  begin(bytes: Uint8Array, start: number, end: number, batch: FlowBatch, row: number): void {
    this.bytes = bytes;
    this.offset = start;
    this.end = Math.min(end, bytes.length);
    this.batch = batch;
    this.columns = batch.columns;
    this.row = row;
    this.hasDetails = batch.hasDetails;
    this.isOuter = true;
    this.vlanCount = 0;
    this.layer3Offset = -1;
    this.hasNetworkHeader = false;
    this.#layerCount = 0;
  }

  get captured(): number {
    return this.end - this.offset;
  }

  /** Steps over a header; the offset may now be beyond the capture's end. */
  pass(layer: number, size: number): void {
    this.offset += size;
    if (!this.hasDetails || this.#layerCount === layersMax) return;
    this.#layers[this.#layerCount] = layer;
    this.#sizes[this.#layerCount++] = size;
  }

  /** A network header behind another one is a tunnel's. */
  enterNetwork(): void {
    if (this.hasNetworkHeader) this.isOuter = false;
    this.hasNetworkHeader = true;
    if (this.layer3Offset === -1) this.layer3Offset = this.offset;
  }

  finish(): void {
    if (!this.hasDetails) return;
    this.columns.layerStack[this.row] = this.batch.appendList(this.#layers, this.#layerCount);
    this.columns.layerSizes[this.row] = this.batch.appendList(this.#sizes, this.#layerCount);
  }
}
