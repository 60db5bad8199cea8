import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { ruleGroups } from "../deploy/grafana/source/rules.ts";
import { grafanaFolder, readDashboards } from "./grafana-panels.ts";
import { temporaryFolder } from "./program.ts";
import { missing } from "./prometheus-process.ts";

const rulesFile = join(grafanaFolder, "rules/portolan.yaml");
const cases = fileURLToPath(new URL("./testdata/portolan-rules.test.yaml", import.meta.url));
const rules = ruleGroups.flatMap((group) => group.rules);

function promtool(t: TestContext, ...parameters: string[]) {
  const lacking = missing("promtool");
  if (lacking !== undefined) return t.skip(lacking);
  const { status, stdout, stderr } = spawnSync("promtool", parameters, { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

test("promtool takes the rules", (t) => {
  const said = promtool(t, "check", "rules", rulesFile);
  if (said !== undefined) assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
});

test("each rule does what it is for", (t) => {
  const folder = temporaryFolder(t);
  copyFileSync(rulesFile, join(folder, "portolan.yaml"));
  writeFileSync(join(folder, "test.yaml"), readFileSync(cases));
  promtool(t, "test", "rules", join(folder, "test.yaml"));
});

test("no rule is without a case, and every alert says what to do and where to look", () => {
  const text = readFileSync(cases, "utf8");
  const uids = readDashboards(".").map(({ uid }) => `/d/${uid}`);
  for (const rule of rules) {
    if ("record" in rule) {
      assert.ok(new RegExp(`expr: .*${rule.record}\\b`).test(text), rule.record);
      continue;
    }
    assert.ok(
      new RegExp(`alertname: ${rule.alert}\\n\\s+exp_alerts:\\n\\s+- exp_labels`).test(text),
      rule.alert,
    );
    assert.ok(uids.includes(rule.annotations.dashboard), rule.alert);
    assert.ok(rule.annotations.description.length > 20, rule.alert);
  }
});

test("the PrometheusRule has the same groups", () => {
  const plain = parse(readFileSync(rulesFile, "utf8")) as { groups: unknown };
  const object = parse(readFileSync(join(grafanaFolder, "prometheus-rule.yaml"), "utf8")) as {
    kind: string;
    apiVersion: string;
    spec: { groups: unknown };
  };
  assert.equal(`${object.apiVersion} ${object.kind}`, "monitoring.coreos.com/v1 PrometheusRule");
  assert.deepEqual(object.spec.groups, plain.groups);
});
