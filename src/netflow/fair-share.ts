/**
 * How much of what all exporters share one of them may have: never more than it leaves to the others. One alone gets half, the
 * next half of what is left. A 256th is nobody refused while there is any left, so that those who need little find room.
 */
export class FairShare {
  /** While what was kept before is taken again: it had its share then, in another order. */
  isLifted = false;

  allows(budget: number, used: number, held: number, wanted: number): boolean {
    const left = budget - used - wanted;
    if (left < 0) return false;
    return this.isLifted || held + wanted <= Math.max(left, budget / 256);
  }
}
