/**
 * The pipeline, the API and the live stream. Does not know datagrams, kernels or SQL: it joins those who do.
 */
export { createServer, type Server } from "./server.ts";
