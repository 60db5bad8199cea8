let names: Intl.DisplayNames | undefined;

/** English name of an ISO 3166-1 alpha-2 code; the code where there is none. */
export function countryName(code: string): string {
  try {
    // Made when it is needed: it takes 3 MB of memory.
    names ??= new Intl.DisplayNames("en", { type: "region", fallback: "none" });
    return names.of(code) ?? code;
  } catch {
    return code; // not of the form of a code
  }
}
