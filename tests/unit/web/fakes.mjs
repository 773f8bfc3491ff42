// The service as the page's scripts meet it, without a network, and the little of a browser that they touch.

globalThis.document = Object.assign(new EventTarget(), {hidden: false});
globalThis.sessionStorage = globalThis.localStorage = {getItem: () => null};

// Waits for what other promises bring about, not for time.
export async function until(holds, what) {
  for (let turns = 0; !holds(); turns++) {
    if (turns > 1000) throw new Error(`never came: ${what}`);
    await new Promise(setImmediate);
  }
}

// streams: those opened so far, oldest first. polls: {path, answer(json), fail()} of other requests that wait for an answer.
export class Service {
  constructor() {
    this.streams = [];
    this.polls = [];
    globalThis.fetch = (path, options) => new Promise((resolve, reject) => {
      options.signal.addEventListener("abort", () => reject(options.signal.reason));
      if (options.headers.Accept === "text/event-stream") this.streams.push(new Stream(path, options, resolve, reject));
      else this.polls.push({path, answer: json => resolve(Response.json(json)), fail: () => reject(new TypeError("Failed to fetch"))});
    });
  }

  // The request of the path that was made first of those not answered.
  async poll(part) {
    await until(() => this.polls.some(({path}) => path.includes(part)), part);
    return this.polls.splice(this.polls.findIndex(({path}) => path.includes(part)), 1)[0];
  }

  async stream(number) {
    await until(() => this.streams.length >= number, `stream ${number}`);
    return this.streams[number - 1];
  }
}

class Stream {
  constructor(path, {headers, signal}, resolve, reject) {
    this.path = path;
    this.from = headers["Last-Event-ID"];
    this.signal = signal;
    this.refuse = () => reject(new TypeError("Failed to fetch"));
    this.open = () => resolve(new Response(new ReadableStream({start: control => {
      this.control = control;
      signal.addEventListener("abort", () => control.error(signal.reason));
    }})));
  }

  send(text) {
    if (this.control === undefined) this.open();
    this.control.enqueue(new TextEncoder().encode(text));
  }

  tell(id, event, data) {
    this.send(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
