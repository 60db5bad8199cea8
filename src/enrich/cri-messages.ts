import { readFields } from "./cri-fields.ts";

/** As much of the CRI's `Container` as names need. */
export interface CriContainer {
  id: string;
  sandboxId: string;
  name: string;
  /** The kubelet's own; whoever else starts containers may set none. */
  readonly labels: [key: string, value: string][];
}

/** As much of the CRI's `PodSandbox` as names need. */
export interface CriSandbox {
  id: string;
  pod: string;
  namespace: string;
}

/** Longest text kept, in bytes: names have 253 characters, ids 64. */
const textBytesMax = 1024;

/** `VersionResponse`: `containerd 1.7.27`. Undefined for what is no such message, here and below. */
export function readVersion(bytes: Buffer): string | undefined {
  let name = "";
  let version = "";
  const isMessage = readFields(bytes, 0, bytes.length, (field, start, end) => {
    if (field === 2) name = textOf(bytes, start, end);
    if (field === 3) version = textOf(bytes, start, end);
    return true;
  });
  return isMessage ? `${name} ${version}`.trim() : undefined;
}

/** `ListContainersResponse`: those whose id is what runtimes give, 64 hexadecimal digits. */
export function readContainers(bytes: Buffer): CriContainer[] | undefined {
  const containers: CriContainer[] = [];
  const isMessage = readFields(bytes, 0, bytes.length, (field, start, end) => {
    if (field !== 1) return true;
    const container: CriContainer = { id: "", sandboxId: "", name: "", labels: [] };
    if (!readContainer(bytes, start, end, container)) return false;
    if (isId(container.id)) containers.push(container);
    return true;
  });
  return isMessage ? containers : undefined;
}

function readContainer(bytes: Buffer, from: number, to: number, container: CriContainer): boolean {
  return readFields(bytes, from, to, (field, start, end) => {
    if (field === 1) container.id = textOf(bytes, start, end);
    if (field === 2) container.sandboxId = textOf(bytes, start, end);
    if (field === 3) {
      return readFields(bytes, start, end, (inner, innerStart, innerEnd) => {
        if (inner === 1) container.name = textOf(bytes, innerStart, innerEnd);
        return true;
      });
    }
    return field === 8 ? readLabel(bytes, start, end, container.labels) : true;
  });
}

/** An entry of a map is a message: 1 the key, 2 the value. */
function readLabel(bytes: Buffer, from: number, to: number, labels: [string, string][]): boolean {
  const label: [string, string] = ["", ""];
  const isMessage = readFields(bytes, from, to, (field, start, end) => {
    if (field === 1 || field === 2) label[field - 1] = textOf(bytes, start, end);
    return true;
  });
  if (label[0].startsWith("io.kubernetes.")) labels.push(label);
  return isMessage;
}

/** `ListPodSandboxResponse`: likewise. */
export function readSandboxes(bytes: Buffer): CriSandbox[] | undefined {
  const sandboxes: CriSandbox[] = [];
  const isMessage = readFields(bytes, 0, bytes.length, (field, start, end) => {
    if (field !== 1) return true;
    const sandbox: CriSandbox = { id: "", pod: "", namespace: "" };
    if (!readSandbox(bytes, start, end, sandbox)) return false;
    if (isId(sandbox.id)) sandboxes.push(sandbox);
    return true;
  });
  return isMessage ? sandboxes : undefined;
}

function readSandbox(bytes: Buffer, from: number, to: number, sandbox: CriSandbox): boolean {
  return readFields(bytes, from, to, (field, start, end) => {
    if (field === 1) sandbox.id = textOf(bytes, start, end);
    if (field !== 2) return true;
    return readFields(bytes, start, end, (inner, innerStart, innerEnd) => {
      if (inner === 1) sandbox.pod = textOf(bytes, innerStart, innerEnd);
      if (inner === 3) sandbox.namespace = textOf(bytes, innerStart, innerEnd);
      return true;
    });
  });
}

const isId = (text: string) => /^[0-9a-f]{64}$/.test(text);

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, Math.min(end, start + textBytesMax));
}
