/** Whose data it is, to be shown wherever it is used. */
export interface Attribution {
  readonly text: string;
  readonly url: string;
  readonly licence: string;
}

export const dbIp: Attribution = {
  text: "IP Geolocation by DB-IP",
  url: "https://db-ip.com",
  licence: "CC BY 4.0",
};
export const routeViews: Attribution = {
  text: "AS numbers by RouteViews",
  url: "https://www.routeviews.org",
  licence: "CC BY 4.0",
};
export const numberResourceOrganization: Attribution = {
  text: "AS numbers by the Number Resource Organization",
  url: "https://www.nro.net",
  licence: "CC BY 4.0",
};
const maxMind: Attribution = {
  text: "This product includes GeoLite2 data created by MaxMind",
  url: "https://www.maxmind.com",
  licence: "GeoLite2 End User License Agreement",
};
const ipInfo: Attribution = {
  text: "IP address data powered by IPinfo",
  url: "https://ipinfo.io",
  licence: "CC BY-SA 4.0",
};

/** Who asks to be named, by the type that the file says it is. */
const byDatabaseType: readonly (readonly [RegExp, Attribution])[] = [
  [/^GeoLite2/, maxMind],
  [/db-?ip/i, dbIp],
  [/^ipinfo/i, ipInfo],
];

export function attributionOf(databaseType: string): readonly Attribution[] {
  return byDatabaseType
    .filter(([pattern]) => pattern.test(databaseType))
    .map(([, attribution]) => attribution);
}
