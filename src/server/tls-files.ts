import { X509Certificate } from "node:crypto";
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { createSecureContext, type Server } from "node:tls";
import { ConfigError } from "../settings/index.ts";

const lookMilliseconds = 5000;

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Throws a ConfigError that says what is wrong with them. Certificates without their key, or a key with another's, are told here. */
export function readTlsFiles(certificate: string, key: string): TlsFiles {
  const problems: string[] = [];
  const read = (setting: string, path: string) => {
    try {
      return readFileSync(path);
    } catch (error) {
      problems.push(
        `tls.${setting}: ${path}: ${(error as NodeJS.ErrnoException).code}: a PEM file is expected`,
      );
      return Buffer.of();
    }
  };
  const files = { cert: read("certificate", certificate), key: read("key", key) };
  if (problems.length > 0) throw new ConfigError(problems);
  try {
    createSecureContext(files);
  } catch (error) {
    // OpenSSL says what is wrong, never what the key is.
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new ConfigError([
      `tls: ${certificate} and ${key} are no certificate and its key: ${code} ${message.split("\n", 1)[0]}`,
    ]);
  }
  return files;
}

export interface TlsReload {
  /** Reads both again; what cannot be used leaves those in force that are. */
  reload(): void;
  stop(): void;
}

/** New connections get what the files say, those that are open stay as they are. The files are looked at every few seconds. */
export function followTlsFiles(
  server: Pick<Server, "setSecureContext">,
  { certificate, key }: { readonly certificate: string; readonly key: string },
  log: (message: string) => void,
  interval = lookMilliseconds,
): TlsReload {
  const reload = () => {
    try {
      const files = readTlsFiles(certificate, key);
      server.setSecureContext(files);
      const { validTo } = new X509Certificate(files.cert);
      log(`tls: ${certificate} was read again; it is valid until ${validTo}`);
    } catch (error) {
      log(`tls: the certificate that was in force stays: ${(error as Error).message}`);
    }
  };
  const look = (now: { mtimeMs: number; ino: number }, before: { mtimeMs: number; ino: number }) => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) reload();
  };
  for (const path of [certificate, key]) watchFile(path, { interval, persistent: false }, look);
  return {
    reload,
    stop() {
      for (const path of [certificate, key]) unwatchFile(path, look);
    },
  };
}
