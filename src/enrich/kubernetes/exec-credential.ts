import { type ExecFileException, execFile } from "node:child_process";
import { objectOf, parseJson, textOf, timeOf } from "./json.ts";
import type { ExecPlugin } from "./kubeconfig.ts";

export interface ExecCredential {
  readonly token?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

const answerMilliseconds = 60_000;
const answerBytesMax = 1024 * 1024;
/** Replaced this long before they end. */
const earlyMilliseconds = 60_000;

/** Asks a plugin for credentials, and again when they end or were refused. It gets no terminal to ask its user by. */
export function execCredential(
  plugin: ExecPlugin,
  server: string,
): (wasRefused: boolean) => Promise<ExecCredential> {
  let kept: { credential: ExecCredential; ends: number } | undefined;
  return async (wasRefused) => {
    if (kept === undefined || wasRefused || Date.now() > kept.ends - earlyMilliseconds)
      kept = await ask(plugin, server);
    return kept.credential;
  };
}

async function ask(
  plugin: ExecPlugin,
  server: string,
): Promise<{ credential: ExecCredential; ends: number }> {
  const { apiVersion, command, installHint } = plugin;
  const spec = { interactive: false, cluster: { server } };
  const info = JSON.stringify({ kind: "ExecCredential", apiVersion, spec });
  const answer = await new Promise<string>((resolve, reject) => {
    const options = {
      env: { ...process.env, ...plugin.environment, KUBERNETES_EXEC_INFO: info },
      timeout: answerMilliseconds,
      maxBuffer: answerBytesMax,
    };
    const child = execFile(command, [...plugin.arguments], options, (error, text, complaint) => {
      if (error === null) resolve(text);
      else
        reject(
          new Error(`${command}: ${describe(error, complaint)}${installHint && `; ${installHint.trim()}`}`),
        );
    });
    child.stdin?.end();
  });
  const status = objectOf(objectOf(parseJson(answer)).status);
  const credential = {
    token: textOf(status.token) || undefined,
    certificate: textOf(status.clientCertificateData) || undefined,
    key: textOf(status.clientKeyData) || undefined,
  };
  if (credential.token === undefined && credential.certificate === undefined)
    throw new Error(`${command}: its answer has neither a token nor a certificate`);
  return { credential, ends: timeOf(status.expirationTimestamp) || Infinity };
}

function describe(error: ExecFileException, complaint: string): string {
  if (error.code === "ENOENT") return "no such program";
  if (error.killed) return "it did not answer within a minute";
  return complaint.trim().split("\n").pop()?.slice(0, 300) || `it ended with ${error.code}`;
}
