/** Ways out for records: a file or standard output now, Kafka later. Knows bytes, not records. */
export { createFileTransport, type FileTransportConfig } from "./file-transport.ts";
export type { Transport, TransportDependencies } from "./transport.ts";
