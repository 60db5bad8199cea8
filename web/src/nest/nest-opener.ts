import type { NestTree, TreeGroup } from "./nest-tree.ts";
import type { Openness } from "./openness.ts";

/** Signs on the map that can still be told apart and read: groups open until there are as many. */
const signsMax = 150;
/** With no more peers than this everything is open. */
const smallMap = 60;
/** Members of an open group that are drawn; of more, the lightest stand behind one sign that opens. */
const membersMax = 60;

/**
 * Decides which groups are open and which of their members are drawn. What was decided for a group stays, so that nothing opens or closes
 * by itself while somebody looks; only what a person opened or closed counts for more.
 */
export class NestOpener {
  readonly #decided = new Map<string, boolean>();
  readonly #shown = new Map<string, Set<string>>();

  forget(): void {
    this.#decided.clear();
    this.#shown.clear();
  }

  /** Ids of the groups that are open, each inside open ones only. */
  open(tree: NestTree, openness: Openness): Set<string> {
    const [opened, closed] = [new Set(openness.opened), new Set(openness.closed)];
    this.#decide(tree);
    const isOpen = (group: TreeGroup) => {
      if (opened.has(group.id)) return true;
      if (closed.has(group.id) || openness.detail === "closed") return false;
      return openness.detail === "open" || this.#decided.get(group.id) === true;
    };
    const open = new Set<string>();
    // Groups stand in the tree before those inside them.
    for (const group of tree.groups.values())
      if ((group.parent === "" || open.has(group.parent)) && isOpen(group)) open.add(group.id);
    return open;
  }

  #decide({ groups, parentOf }: NestTree): void {
    for (const id of this.#decided.keys()) if (!groups.has(id)) this.#decided.delete(id);
    const isSmall = parentOf.size <= smallMap;
    let signs = 0;
    for (const group of groups.values())
      if (group.depth === 0) signs += this.#decided.get(group.id) === true ? membersOf(group) : 1;
    const undecided = [...groups.values()].filter(({ id }) => !this.#decided.has(id));
    undecided.sort((a, b) => a.depth - b.depth || b.bytes - a.bytes || (a.id < b.id ? -1 : 1));
    for (const group of undecided) {
      const isRoom = signs + membersOf(group) - 1 <= signsMax;
      // A workload says more than its pods, and a country stands for many: they open by hand, unless there are few.
      const isOpen = isSmall ? group.kind !== "workload" || group.peerCount > 1 : group.depth === 0 && isRoom;
      this.#decided.set(group.id, isOpen);
      if (isOpen) signs += membersOf(group) - 1;
    }
  }

  /** Of the members of an open group those that are drawn: who is drawn stays, then the heaviest. */
  shown(
    group: TreeGroup,
    members: readonly string[],
    weightOf: (id: string) => number,
    isAll: boolean,
  ): Set<string> {
    if (isAll || members.length <= membersMax + 1) {
      this.#shown.delete(group.id);
      return new Set(members);
    }
    const before = this.#shown.get(group.id);
    const isKept = (id: string) => before?.has(id) ?? false;
    const ordered = [...members].sort(
      (a, b) => Number(isKept(b)) - Number(isKept(a)) || weightOf(b) - weightOf(a) || (a < b ? -1 : 1),
    );
    const shown = new Set(ordered.slice(0, membersMax));
    this.#shown.set(group.id, shown);
    return shown;
  }
}

function membersOf({ groups, peers }: TreeGroup): number {
  return Math.min(membersMax + 1, groups.size + peers.length);
}
