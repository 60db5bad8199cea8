/** Every problem of a configuration at once; nothing has been started. */
export class ConfigError extends Error {
  readonly code = "configuration_invalid";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}
