import type { ReactNode } from "react";

/** Line icons, 16 by 16. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

const icon = (path: string) => () => (
  <Icon>
    <path d={path} />
  </Icon>
);

export const PlusIcon = icon("M8 3v10M3 8h10");
export const MinusIcon = icon("M3 8h10");
export const FitIcon = icon("M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3");
export const PauseIcon = icon("M6 4v8M10 4v8");
export const PlayIcon = icon("M5 3.5v9l7-4.5z");
export const SearchIcon = icon("M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM11 11l3 3");
export const ClockIcon = icon("M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3l2 1.5");
export const UnfoldIcon = icon("M5 6l3-3 3 3M5 10l3 3 3-3M3 8h10");
export const FoldIcon = icon("M5 2.5l3 3 3-3M5 13.5l3-3 3 3M3 8h10");
export const PinIcon = icon("M8 9.5v4M5 9.5h6l-1-2.2V3.5h-4v3.8zM5 3.5h6");
export const DownloadIcon = icon("M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13h10");
export const CommandIcon = icon("M3 4.5l3.5 3.5L3 11.5M8 12h5");
export const CompareIcon = icon("M8 2v12M2.5 5h3v6h-3zM10.5 3.5h3v9h-3z");
export const SunIcon = icon(
  "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7",
);
export const MoonIcon = icon("M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z");
export const ChevronIcon = icon("M4 6l4 4 4-4");
export const CopyIcon = icon("M6 6h7v7H6zM10 6V3H3v7h3");
export const ChartIcon = icon("M2.5 2.5v11h11M5.5 10.5v-3M8.5 10.5v-6M11.5 10.5v-4.5");
export const SignOutIcon = icon("M9.5 3H3.5v10h6M6.5 8h7M11 5.5L13.5 8 11 10.5");
export const CheckIcon = icon("M3 8.5l3.5 3.5L13 4.5");

export function Compass() {
  return (
    <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="14.5" fill="none" stroke="#b98a2b" strokeWidth="1" opacity=".6" />
      <path d="M16 2l3 11 11 3-11 3-3 11-3-11-11-3 11-3z" fill="#e2b457" />
      <path d="M16 2l3 11-3 3zM30 16l-11 3-3-3zM16 30l-3-11 3-3zM2 16l11-3 3 3z" fill="#a87a1c" />
    </svg>
  );
}
