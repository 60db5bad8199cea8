import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import type { Status } from "../data/answers.ts";
import { statusQuery } from "../data/server-clock.ts";
import { lookAtRecords, type RecordLook } from "./record-rate.ts";

export function useStatus(): {
  status: Status | undefined;
  recordsPerSecond: number | undefined;
  isAway: boolean;
} {
  const look = useRef<RecordLook>(undefined);
  const { data, dataUpdatedAt, isError } = useQuery(statusQuery);
  if (data !== undefined && look.current?.at !== dataUpdatedAt) {
    look.current = lookAtRecords(data, dataUpdatedAt, look.current);
  }
  return { status: data, recordsPerSecond: look.current?.perSecond, isAway: isError };
}
