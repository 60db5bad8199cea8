import "./exporters.css";
import type { Finding, Health } from "../data/answers.ts";

/** A form of its own for each, so that colour is not needed to tell them apart. The word beside it is the caller's. */
export function HealthMark({ look }: { look: Health | Finding["severity"] }) {
  return (
    <svg className={`health-mark ${look}`} width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
      {shapes[look]}
    </svg>
  );
}

const shapes = {
  ok: (
    <>
      <circle cx="7" cy="7" r="6" />
      <path className="sign" d="M4 7.3l2.1 2.1L10 5.2" />
    </>
  ),
  warning: (
    <>
      <path d="M7 1l6.2 11.4H.8z" />
      <path className="sign" d="M7 5v3.4M7 10.3v.2" />
    </>
  ),
  problem: (
    <>
      <path d="M4.2.8h5.6l3.4 3.4v5.6l-3.4 3.4H4.2L.8 9.8V4.2z" />
      <path className="sign" d="M4.8 4.8l4.4 4.4M9.2 4.8L4.8 9.2" />
    </>
  ),
  hint: (
    <>
      <circle cx="7" cy="7" r="6" />
      <path className="sign" d="M7 6.4V10M7 4.1v.1" />
    </>
  ),
} as const;
