import type { Command } from "commander";
import type { NameSource } from "../enrich/index.ts";
import type { CannotRun, KernelFacts } from "../observe/index.ts";
import { describeLimits } from "./agent-words.ts";

/** `portolan doctor`: what this machine can and cannot do, and the one thing to change. */
export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("what this machine can and cannot do, and the one thing to change")
    .action(async () => {
      const observe = await import("../observe/index.ts"); // only here: it loads a native library
      const facts = observe.readKernelFacts();
      console.log(`kernel               ${facts.platform} ${facts.release}`);
      console.log(`privileges           ${facts.isPrivileged ? "enough" : "too few"}`);
      console.log(`kernel types (BTF)   ${facts.hasBtf ? "yes" : "no"}`);
      console.log(`libbpf.so.1          ${facts.hasLibbpf ? "yes" : "no"}`);
      console.log(`TCP by eBPF          ${tryTcp(observe, facts)}`);
      console.log(`TCP soft errors      ${trySoftErrors(observe, facts)}`);
      console.log(`TCP by sock_diag     ${trySockDiag(observe)}`);
      console.log(`cgroup v2            ${facts.cgroupRoot || "not mounted"}`);
      console.log(
        `UDP, ICMP by eBPF    ${tryDatagrams(observe, facts, { withFlows: true, withDns: false })}`,
      );
      console.log(
        `DNS by eBPF          ${tryDatagrams(observe, facts, { withFlows: false, withDns: true })}`,
      );
      console.log(`NAT by conntrack     ${tryNat(observe)}`);
      const { askNameSources } = await import("../enrich/index.ts");
      console.log(
        `container names      ${(await askNameSources()).map(describeNames).join(`\n${" ".repeat(21)}`)}`,
      );
      console.log("collector and page   yes: they need nothing but this program");
    });
}

/** `from Docker: yes, /var/run/docker.sock answers`. */
function describeNames({ name, state, reason, remedy }: NameSource): string {
  const change = remedy === undefined ? "" : `\n                     to change it: ${remedy}`;
  return `from ${name}: ${state === "on" ? "yes" : "no"}, ${reason}${change}`;
}

type Observe = typeof import("../observe/index.ts");

function tryTcp({ canRunTcp, createTcpObserver }: Observe, facts: KernelFacts): string {
  return tryObserver(canRunTcp(facts), () => createTcpObserver({ connectionsMax: 1024 }));
}

/** Errors that TCP keeps for the program alone; `agent.softErrors` leaves them out. */
function trySoftErrors({ canFollowSoftErrors, createTcpObserver }: Observe, facts: KernelFacts): string {
  const observer = createTcpObserver({ connectionsMax: 1024, cgroupRoot: facts.cgroupRoot });
  const answer = tryObserver(canFollowSoftErrors(facts), () => observer);
  if (answer !== "yes" || observer.followsSoftErrors) return answer;
  return "no: the kernel did not take the program; a refusal by ICMP while connect() is at work may not be counted";
}

function tryDatagrams(
  { canRunDatagrams, createDatagramObserver, slowerDatagrams }: Observe,
  facts: KernelFacts,
  parts: { withFlows: boolean; withDns: boolean },
): string {
  const { cgroupRoot, release } = facts;
  const observer = createDatagramObserver({ flowsMax: 1024, cgroupRoot, ...parts });
  return tryObserver(
    canRunDatagrams(facts),
    () => observer,
    () => (observer.refusal === undefined ? [] : [slowerDatagrams(release, observer.refusal)]),
  );
}

/** The way without eBPF. */
function trySockDiag({
  canRunSockDiag,
  createSockDiagObserver,
  readSockDiagFacts,
  sockDiagLimits,
}: Observe): string {
  const cannot = canRunSockDiag(readSockDiagFacts());
  if (cannot !== undefined) return describeCannot(cannot);
  const observer = createSockDiagObserver({ connectionsMax: 65_536 });
  try {
    observer.start();
    const [, ...limits] = sockDiagLimits(observer.reach()); // the first is what sock_diag itself cannot
    return `yes, where eBPF cannot be had${describeLimits(limits)}`;
  } catch (error) {
    return `no: ${(error as Error).message}`;
  } finally {
    observer.stop();
  }
}

/** Whether the kernel tells which connections' addresses it translates. */
function tryNat(observe: Observe): string {
  const { canRunConntrack, createConntrackObserver, readConntrackFacts, silentLimits } = observe;
  const observer = createConntrackObserver();
  observer.start();
  const status = observer.status();
  const cannot = canRunConntrack(readConntrackFacts()) ?? status.cannot;
  const { namespaceCount } = status;
  observer.stop();
  if (cannot !== undefined) return describeCannot(cannot);
  return `yes, in ${namespaceCount} network ${namespaceCount === 1 ? "namespace" : "namespaces"}${describeLimits(silentLimits(status))}`;
}

function describeCannot({ reason, remedy }: CannotRun): string {
  return `no: ${reason}\n                     to change it: ${remedy}`;
}

/** Loads and attaches the programs for a moment: the only answer that is certain. `limits` is asked while they run. */
function tryObserver(
  cannot: CannotRun | undefined,
  create: () => { start(): void; stop(): void },
  limits: () => readonly CannotRun[] = () => [],
): string {
  if (cannot !== undefined) return describeCannot(cannot);
  const observer = create();
  try {
    observer.start();
    return `yes${describeLimits(limits())}`;
  } catch (error) {
    return `no: the kernel did not take the programs (${(error as Error).message})`;
  } finally {
    observer.stop();
  }
}
