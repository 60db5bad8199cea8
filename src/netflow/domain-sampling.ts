import type { Domain, DomainFacts } from "./exporter-state.ts";

/** The interval of a sampler, as the port, another port of the domain, or the device for all its domains described it; 0 unknown. */
export function findSamplerInterval(domain: Domain | undefined, port: number, samplerId: number): number {
  if (samplerId < 0 || domain === undefined) return 0;
  return (
    domain.sessions.get(port)?.samplers.get(samplerId)?.interval ||
    domain.shared.samplers.get(samplerId)?.interval ||
    findSamplerInterval(domain.whole(), port, samplerId)
  );
}

/** The selector that options data put at the end of a selection sequence (RFC 5476 §6.5.1); -1 unknown. */
export function findSelector(domain: Domain | undefined, port: number, sequenceId: number): number {
  if (sequenceId < 0) return -1;
  const own = domain?.sessions.get(port)?.sequences.get(sequenceId);
  return own ?? domain?.shared.sequences.get(sequenceId) ?? -1;
}

/** The interval that options data give without naming a sampler; 0 unknown. */
export function findStatedInterval(domain: Domain | undefined, port: number): number {
  return domain?.sessions.get(port)?.samplingInterval || domain?.shared.samplingInterval || 0;
}

/** The interval of records that name no sampler: the domain's, or the one that all its samplers have; else the device's. */
export function findDomainInterval(domain: Domain | undefined, port: number): number {
  if (domain === undefined) return 0;
  const own = domain.sessions.get(port);
  const stated = own?.samplingInterval || domain.shared.samplingInterval;
  const known = stated || agreedInterval(own) || agreedInterval(domain.shared);
  return known || findDomainInterval(domain.whole(), port);
}

/** More are not looked through for each set: a domain with so many samplers has different ones. */
const agreeingSamplersMax = 64;

/** Samplers that disagree say nothing about a record that does not name one. */
function agreedInterval(facts: DomainFacts | undefined): number {
  if (facts === undefined || facts.samplers.size === 0 || facts.samplers.size > agreeingSamplersMax) return 0;
  let agreed = 0;
  for (const { interval } of facts.samplers.values()) {
    if (agreed !== 0 && interval !== agreed) return 0;
    agreed = interval;
  }
  return agreed;
}
