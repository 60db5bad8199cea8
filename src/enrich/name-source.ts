/** Where names of containers come from, and whether they do, in words. */
export interface NameSource {
  readonly name: string;
  readonly state: "on" | "off";
  readonly reason: string;
  readonly remedy?: string;
}
