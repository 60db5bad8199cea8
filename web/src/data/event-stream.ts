export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Server-sent events out of text as it arrives (HTML standard §9.2.6), for fetch: EventSource hides why a request was
 * refused. Ids and retry times are not used here and are skipped.
 */
export class EventStreamParser {
  #rest = "";
  #event = "";
  #data: string[] = [];

  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?=.)/s);
    this.#rest = lines.pop()!;
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
