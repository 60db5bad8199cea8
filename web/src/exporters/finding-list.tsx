import type { Finding } from "../data/answers.ts";
import { remedyLines } from "./exporter-words.ts";
import { HealthMark } from "./health-mark.tsx";

const severityWords = { problem: "Problem", warning: "Warning", hint: "Good to know" } as const;

/** What is wrong, in words, and what to do. */
export function FindingList({ findings }: { findings: readonly Finding[] }) {
  return (
    <ul className="findings" data-testid="findings">
      {findings.map(({ code, severity, title, detail, remedy }) => (
        <li key={code} className={severity} data-code={code}>
          <h4>
            <HealthMark look={severity} />
            <span className="visually-hidden">{severityWords[severity]}: </span>
            {title}
          </h4>
          <p>{detail}</p>
          <div className="finding-remedy">
            {remedyLines(remedy).map((line, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name, and never move
              <p key={i}>
                {/* biome-ignore lint/suspicious/noArrayIndexKey: as above */}
                {line.map(({ text, isCommand }, j) => (isCommand ? <code key={j}>{text}</code> : text))}
              </p>
            ))}
          </div>
        </li>
      ))}
    </ul>
  );
}
