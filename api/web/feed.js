// A job followed live: the stream of server-sent events, and polling where the stream does not come through.
import {ask} from "./api.js";
import {every} from "./every.js";
import {repeat} from "./repeat.js";
import {stream} from "./stream.js";

const DROPS = 3, POLL_MS = 1500, POLLED_MS = 60_000, LONGEST_MS = 960_000;

// place: {event, point, offset} as cursors "e12", "m345" and a byte. hear: {event(one), points(list), log({text, next}),
// way(word)}: "live", "polling", "reconnecting" or "ended", each as it became true.
// Rests while the tab is hidden: a stream holds one of the few connections a browser has for all its tabs.
// Answers {stop, see(attempt, final)}: the latter wants to know how each look found the job.
// A fault of who hears is reported, and no break of the connection.
export function follow(path, place, hearing) {
  const hear = Object.fromEntries(Object.entries(hearing).map(([name, one]) => [name, reporting(one)]));
  return new Follower(path, place, hear);
}

class Follower {
  #path;
  #place;
  #hear;
  #leave = () => {}; // what goes on now: a stream, or polling
  #drops = 0;
  #polled = POLLED_MS;
  #over = false;
  #left = false;
  #attempt = null;
  #said = null;

  constructor(path, place, hear) {
    [this.#path, this.#place, this.#hear] = [path, place, hear];
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  // Where the job was resumed, perhaps elsewhere, perhaps to its end between two looks, there is more to hear.
  see(attempt, final) {
    const another = this.#attempt !== null && attempt !== this.#attempt;
    this.#attempt = attempt;
    if (!this.#over || (final && !another)) return;
    this.#over = false;
    this.#look();
  }

  stop = () => {
    this.#left = true;
    this.#leave();
    document.removeEventListener("visibilitychange", this.#look);
  };

  #look = () => {
    this.#leave();
    if (!document.hidden && !this.#over && !this.#left) this.#stream();
  };

  #stream() {
    const {event, point, offset} = this.#place;
    this.#leave = stream(`${this.#path}/events`, `${event}.${point}.l${offset}`, {
      alive: () => this.#say("live"),
      message: message => this.#take(message),
      drop: ({silent}) => this.#drop(silent),
    });
  }

  #take({id, event, data}) {
    [this.#drops, this.#polled] = [0, POLLED_MS];
    const [, at, point, offset] = id?.match(/^(e\d+)\.(m\d+)\.l(\d+)$/) ?? [];
    if (at !== undefined) Object.assign(this.#place, {event: at, point, offset: Number(offset)});
    if (event === "event") this.#hear.event(data);
    else if (event === "metrics") this.#hear.points(data.points);
    else if (event === "log") this.#hear.log(data);
    else if (event === "end") this.#end();
  }

  #drop(silent) {
    this.#drops += 1;
    this.#say("reconnecting");
    if (silent || this.#drops >= DROPS) this.#poll();
  }

  #poll() {
    this.#leave();
    const control = new AbortController(), turns = this.#turns(control.signal);
    // The longer a stream does not come through, the rarer it is tried: nothing is heard meanwhile.
    const back = setTimeout(() => {
      this.#polled = Math.min(LONGEST_MS, this.#polled * 2);
      this.#streamAgain();
    }, this.#polled);
    this.#leave = () => {
      clearTimeout(back);
      control.abort();
      turns.stop();
    };
  }

  // Where nothing at all came through for a while, the stream may come through again.
  #turns(signal) {
    let lost = false;
    return repeat(POLL_MS, () => readOn(this.#path, this.#place, this.#hear, signal), {
      onDone: done => done ? this.#end() : lost ? this.#streamAgain() : this.#say("polling"),
      onError: () => {
        lost = true;
        this.#say("reconnecting");
      },
    });
  }

  #streamAgain() {
    this.#leave();
    this.#drops = DROPS - 1;
    this.#stream();
  }

  #end() {
    this.#over = true;
    this.#leave();
    this.#say("ended");
  }

  #say(word) {
    if (word !== this.#said) this.#hear.way(word);
    this.#said = word;
  }
}

function reporting(hear) {
  return word => {
    try {
      hear(word);
    } catch (error) {
      reportError(error);
    }
  };
}

// Whether the job has ended and all of it was told.
async function readOn(path, place, hear, signal) {
  const [{events, next}, metrics, log] = await every([ask(`${path}/events?after=${place.event}`, {signal}),
    ask(`${path}/metrics?after=${place.point}&limit=10000`, {signal}), ask(`${path}/logs?offset=${place.offset}`, {signal})]);
  if (signal.aborted) return false;
  Object.assign(place, {event: next, point: metrics.next, offset: log.next});
  for (const event of events) hear.event(event);
  if (metrics.points.length > 0) hear.points(metrics.points);
  if (log.text !== "") hear.log(log);
  return metrics.done && log.done && events.length === 0;
}
