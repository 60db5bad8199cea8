/** Databases of places and autonomous systems: where an address is, and whose. Does not know who asks. */
export type { Attribution } from "./attribution.ts";
export { createGeo, type Geo, type GeoConfig, geoDefaults } from "./geo.ts";
export { geoKinds } from "./geo-facts.ts";
export type { GeoFileStatus } from "./geo-file.ts";
export { loadFile as loadGeoFile } from "./load-file.ts";
