import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildTool, dockerfileCheck } from "./go-tools.ts";

export const project = fileURLToPath(new URL("..", import.meta.url));
const npm = join(project, "runtime/node_modules/npm/bin/npm-cli.js");

export interface Dockerfile {
  readonly stages: readonly {
    readonly name: string;
    readonly base: string;
    readonly commands: readonly string[];
  }[];
  readonly warnings: readonly string[];
  /** Files that the builder is given, after .dockerignore. */
  readonly context: readonly string[];
}

/** The Dockerfile and its context, as Docker's own code reads them. */
export function readDockerfile(): Dockerfile {
  const tool = buildTool(dockerfileCheck);
  const text = execFileSync(tool, [join(project, "deploy/Dockerfile"), project], {
    ...{ encoding: "utf8", maxBuffer: 2 ** 26 },
  });
  return JSON.parse(text) as Dockerfile;
}

/**
 * What /opt/portolan of the image holds, made without a builder: its COPY and RUN steps by hand, in a clean folder, from the files of the
 * context alone. Each stage is a folder; `npm ci` takes from npm's cache what is there.
 */
export class ImageTree {
  readonly folder = mkdtempSync(join(tmpdir(), "portolan-image-"));
  readonly tree = join(this.folder, "portolan");
  readonly #dockerfile: Dockerfile;

  constructor(dockerfile: Dockerfile) {
    this.#dockerfile = dockerfile;
  }

  build(): void {
    for (const { name, commands } of this.#dockerfile.stages) {
      const place = join(this.folder, name);
      mkdirSync(place);
      for (const command of commands) this.#step(command, place);
    }
  }

  /** A step of a stage once more, in its folder; throws where it does not succeed. */
  repeat(stage: string, command: string): void {
    this.#step(command, join(this.folder, stage));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #step(command: string, place: string): void {
    const [instruction = "", ...words] = command.split(/\s+/);
    if (instruction === "COPY") this.#copy(words, place);
    // Debian's packages are the machine's here, and /opt/portolan is this folder.
    else if (instruction === "RUN" && words[0] !== "apt-get")
      this.#run(command.slice("RUN ".length).replaceAll("/opt/portolan", place), place);
  }

  #copy(words: string[], place: string): void {
    const from = words[0]!.startsWith("--from=") ? words.shift()!.slice("--from=".length) : undefined;
    const target = words.pop()!;
    if (target.startsWith("/")) return; // Node, which is the machine's here
    for (const source of words) {
      const into = target.endsWith("/") ? join(place, target, source) : join(place, target);
      if (from !== undefined)
        cpSync(source.replace("/opt/portolan", join(this.folder, from)), into, { recursive: true });
      else this.#copyFromContext(source, into);
    }
  }

  #copyFromContext(source: string, into: string): void {
    const files = this.#dockerfile.context.filter((file) => file === source || file.startsWith(`${source}/`));
    if (files.length === 0) throw new Error(`COPY ${source}: .dockerignore leaves nothing of it`);
    for (const file of files) {
      const target = join(into, file.slice(source.length));
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(project, file), target);
    }
  }

  #run(command: string, cwd: string): void {
    // What the launcher has installed in this checkout, by the same command.
    if (command === "npm ci --no-audit --no-fund") {
      symlinkSync(join(project, "node_modules"), join(cwd, "node_modules"));
      return;
    }
    const asNpm = command
      .replace(/^npm ci/, `node ${npm} ci --prefer-offline`)
      .replace(/^npm run/, `node ${npm} run`);
    const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
    execFileSync("sh", ["-c", asNpm], {
      cwd,
      env: { ...process.env, PATH },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }
}

export interface ContainerGiven {
  readonly tree: string;
  /** A path of /run/netns. */
  readonly networkNamespace: string;
  readonly user: number;
  /** Without CAP_; the bounding set. */
  readonly capabilities: readonly string[];
  /** Files of /etc/portolan. */
  readonly files: Readonly<Record<string, string>>;
  /** Where a folder of its own is mounted that it may write. */
  readonly volume: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

export interface Container {
  readonly child: ChildProcess;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  output(): string;
  readonly folder: string;
}

/**
 * Runs a command as a container of the chart would: a root that cannot be written, in which only /opt/portolan, /etc/portolan, the volume
 * and /tmp are ours; its user, its capabilities and no new privileges; the processes of the node in sight. What a runtime adds, seccomp and
 * AppArmor, is not there.
 */
export function runContainer(given: ContainerGiven): Container {
  const { tree, networkNamespace, user, capabilities, files, volume, environment = {}, command } = given;
  const folder = mkdtempSync(join(tmpdir(), "portolan-container-"));
  for (const name of ["upper", "work", "root", "files", "volume"]) mkdirSync(join(folder, name));
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, "files", name);
    writeFileSync(file, text);
    chmodSync(file, 0o440);
    chownSync(file, 0, user);
  }
  chownSync(join(folder, "volume"), user, user);
  const root = join(folder, "root");
  const bounding = ["-all", ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(",");
  const script = `
    set -e
    mount -t overlay overlay -o lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work ${root}
    mkdir -p ${root}/opt/portolan ${root}/etc/portolan ${root}${volume} ${root}/usr/local/bin
    touch ${root}/usr/local/bin/node
    for place in home root run tmp work srv mnt; do [ ! -d ${root}/$place ] || mount -t tmpfs tmpfs ${root}/$place; done
    mount --bind ${tree} ${root}/opt/portolan
    mount -o remount,bind,ro ${root}/opt/portolan
    mount --bind ${folder}/files ${root}/etc/portolan
    mount --bind ${process.execPath} ${root}/usr/local/bin/node
    mount --bind ${folder}/volume ${root}${volume}
    for place in proc sys dev; do mount --rbind /$place ${root}/$place; done
    mount -o remount,ro ${root}
    chmod 1777 ${root}/tmp
    exec chroot ${root} setpriv --reuid=${user} --regid=${user} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=${bounding} "$@"`;
  const child = spawn(
    "nsenter",
    [
      `--net=/run/netns/${networkNamespace}`,
      "unshare",
      "--mount",
      "--cgroup",
      "--uts",
      "sh",
      "-c",
      script,
      "sh",
      ...command,
    ],
    { env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", ...environment } },
  );
  const ended = once(child, "exit").then(([code]) => code as number | null);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  return { child, ended, output: () => output, folder };
}

/** Whether the project's npm is there, by which the launcher has installed. */
export const hasNpm = existsSync(npm);
