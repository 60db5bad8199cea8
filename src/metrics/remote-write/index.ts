/** Pushing metrics by Prometheus' remote write, and by the HTTP client that goes with it. Does not know what the metrics tell. */
export type { Secret } from "./post.ts";
export { createRemoteWrite, type RemoteWrite, type RemoteWriteConfig } from "./remote-write.ts";
