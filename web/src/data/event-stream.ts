export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Server-sent events out of text as it arrives (HTML standard §9.2.6), for fetch: EventSource hides why a request was
 * refused. Ids and retry times are not used here and are skipped.
 */
export class EventStreamParser {
  /** Of a line whose end has not come: a map may be one line of many megabytes, and is put together once. */
  #pieces: string[] = [];
  /** A return at the end of a part may be half of a line's end. */
  #endsInReturn = false;
  #event = "";
  #data: string[] = [];

  push(part: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    const text = this.#endsInReturn ? `\r${part}` : part;
    this.#endsInReturn = text.endsWith("\r");
    const lines = (this.#endsInReturn ? text.slice(0, -1) : text).split(/\r\n|\n|\r/);
    const rest = lines.pop()!;
    if (lines.length === 0) {
      this.#pieces.push(rest);
      return events;
    }
    lines[0] = this.#pieces.join("") + lines[0]!;
    this.#pieces = [rest];
    for (const line of lines) {
      if (line !== "") this.#read(line);
      else {
        if (this.#data.length > 0)
          events.push({ event: this.#event || "message", data: this.#data.join("\n") });
        this.#event = "";
        this.#data = [];
      }
    }
    return events;
  }

  #read(line: string): void {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
  }
}
