/** Why capturing cannot begin, and what to do about it. */
export class CaptureError extends Error {}
