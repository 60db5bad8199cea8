import { readFloat, readUnsigned } from "./bytes.ts";
import { elementKeys } from "./element.ts";

/** One sampler or selector, as options data describe it. */
export interface Sampler {
  /** One packet in this many; 0 unknown. */
  interval: number;
  /** selectorAlgorithm (304), samplerMode (49) or samplingAlgorithm (35), whichever was said; 0 none. */
  algorithm: number;
  name: string;
}

/**
 * Collects what one record says of sampling, in its own fields, in options data or inline: the elements are the same
 * (RFC 5477 §8.2, Cisco's 34, 48 to 50). Used again for the next record after `clear`.
 */
export class SamplingStatement {
  /** samplerId (48) or selectorId (302); -1 when not said. Both are one number space here. */
  samplerId = -1;
  /** selectionSequenceId (301), which options data may lead to a selector; -1 when not said. */
  sequenceId = -1;
  algorithm = 0;
  #interval = 0;
  #packetInterval = 0;
  #packetSpace = 0;
  #timeInterval = 0;
  #timeSpace = 0;
  #size = 0;
  #population = 0;
  #probability = 0;

  clear(): void {
    this.samplerId = this.sequenceId = -1;
    this.algorithm = this.#interval = this.#probability = 0;
    this.#packetInterval = this.#packetSpace = this.#timeInterval = this.#timeSpace = 0;
    this.#size = this.#population = 0;
  }

  take(key: number, bytes: Uint8Array, offset: number, width: number): void {
    if (key === elementKeys.samplingProbability) {
      this.#probability = readFloat(bytes, offset, width);
      return;
    }
    const value = readUnsigned(bytes, offset, width);
    switch (key) {
      case elementKeys.samplerId:
      case elementKeys.selectorId:
        this.samplerId = value;
        break;
      case elementKeys.selectionSequenceId:
        this.sequenceId = value;
        break;
      case elementKeys.selectorAlgorithm:
      case elementKeys.samplerMode:
      case elementKeys.samplingAlgorithm:
        this.algorithm ||= value;
        break;
      case elementKeys.samplingInterval:
      case elementKeys.samplerRandomInterval:
        this.#interval ||= value;
        break;
      case elementKeys.samplingPacketInterval:
        this.#packetInterval = value;
        break;
      case elementKeys.samplingPacketSpace:
        this.#packetSpace = value;
        break;
      case elementKeys.samplingTimeInterval:
        this.#timeInterval = value;
        break;
      case elementKeys.samplingTimeSpace:
        this.#timeSpace = value;
        break;
      case elementKeys.samplingSize:
        this.#size = value;
        break;
      case elementKeys.samplingPopulation:
        this.#population = value;
        break;
    }
  }

  /**
   * One packet in this many, or 0. So many packets (or so long) are taken, then so many passed over: (305 + 306) / 305
   * (RFC 5477 §8.2.2); n out of N: 310 / 309 (§8.2.5); with a probability: 1 / 311 (§8.2.7); else 34 or 50 as they are.
   */
  get interval(): number {
    if (this.#packetInterval > 0)
      return clampInterval((this.#packetInterval + this.#packetSpace) / this.#packetInterval);
    if (this.#size > 0 && this.#population > 0) return clampInterval(this.#population / this.#size);
    if (this.#probability > 0 && this.#probability <= 1) return clampInterval(1 / this.#probability);
    if (this.#timeInterval > 0)
      return clampInterval((this.#timeInterval + this.#timeSpace) / this.#timeInterval);
    return clampInterval(this.#interval);
  }
}

/** The column is 32 bits; a rate beyond that is noise. */
function clampInterval(interval: number): number {
  return Math.min(Math.round(interval), 0xffffffff);
}
