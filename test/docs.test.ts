import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort, startProgram, temporaryFolder } from "./program.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (name: string) => readFileSync(join(root, "docs", name), "utf8");
const reference = read("reference/api.md");

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
}

test("docs/reference/api.md lists each request that a server answers, and no other; each parameter is in the docs", async (t) => {
  const flows = `udp://127.0.0.1:${await freePort()}`;
  const program = await startProgram([
    ...["server", "--data", temporaryFolder(t)],
    ...["--listen", "127.0.0.1:0", "--flows", flows],
  ]);
  t.after(() => program.stop("SIGKILL"));
  const { paths } = await program.get<{ paths: Record<string, Record<string, Operation>> }>(
    "/api/openapi.json",
  );
  const served = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${plainPath(path)}`),
  );
  // The node graph is served under a prefix of its own too, which the docs say once.
  const prefix = "/nodegraph";
  assert.ok(
    served.includes(`GET ${prefix}/api/graph/data`) && reference.includes(`also under \`${prefix}\``),
  );
  assert.deepEqual(
    requestsOf(reference).toSorted(),
    served.filter((request) => !request.startsWith(`GET ${prefix}`)).toSorted(),
  );
  const docs = [reference, read("reference/exporters.md"), read("reference/metrics.md")].join("\n");
  const names = Object.values(paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ parameters }) =>
      parameters.filter((each) => each.in === "query").map(({ name }) => name),
    ),
  );
  const missing = [...new Set(names)].filter((name) => !new RegExp(`[\`?&]${name}[\`=]`).test(docs));
  assert.deepEqual(missing, []);
});

/** Of the table of requests, `METHOD /path` each; several in one row share the first one's method. */
function requestsOf(text: string): string[] {
  const rows = text.slice(0, text.indexOf("\n## ")).matchAll(/^\| (?<cell>`[^|]+) \|/gm);
  const told = [...rows].flatMap(({ groups }) => {
    const method = /^`(GET|POST) /.exec(groups!.cell!)![1];
    const paths = [...groups!.cell!.matchAll(/`(?:[A-Z]+ )?(?<path>\/[^`?]*)/g)];
    return paths.map((path) => `${method} ${plainPath(path.groups!.path!)}`);
  });
  const inText = [...text.matchAll(/`(GET \/api\/openapi\.json)`/g)].map(([, request]) => request!);
  return [...told.filter((request) => request !== "GET /nodegraph"), ...inText];
}

/** `/peers/{id}` and `/peers/ID` alike. */
function plainPath(path: string): string {
  return path.replaceAll(/\/(\{\w+\}|[A-Z>]+)/g, "/{}");
}

test("what the docs link to is there: files, and headings in them", () => {
  const files = ["*.md", "docs/**/*.md", "bench/*.md"].flatMap((pattern) => globSync(pattern, { cwd: root }));
  assert.ok(files.length > 20);
  const broken = files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8").replace(/^```.*?^```/gms, "");
    const links = [...text.matchAll(/\]\((?<to>[^)\s]+)\)|(?:src|srcset)="(?<picture>[^"]+)"/g)];
    return links
      .map(({ groups }) => groups!.to ?? groups!.picture!)
      .filter((to) => !/^(https?|mailto):/.test(to) && !isThere(file, to))
      .map((to) => `${file}: ${to}`);
  });
  assert.deepEqual(broken, []);
});

function isThere(from: string, to: string): boolean {
  const [path = "", heading] = to.split("#");
  const file = path === "" ? from : relative(root, join(root, dirname(from), path));
  if (!existsSync(join(root, file))) return false;
  return heading === undefined || headingsOf(readFileSync(join(root, file), "utf8")).includes(heading);
}

/** As they are called in links: GitHub's way. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (?<heading>.+)$/gm)].map(({ groups }) =>
    groups!
      .heading!.toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
}
