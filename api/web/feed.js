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
  let stop = () => {}, drops = 0, polled = POLLED_MS, over = false, left = false, attempt = null, said = null;
  const say = word => {
    if (word !== said) hear.way(word);
    said = word;
  };
  const live = () => {
    stop = stream(`${path}/events`, `${place.event}.${place.point}.l${place.offset}`, {
      alive: () => say("live"),
      message: message => {
        [drops, polled] = [0, POLLED_MS];
        take(message);
      },
      drop: ({silent}) => {
        drops += 1;
        say("reconnecting");
        if (silent || drops >= DROPS) poll();
      },
    });
  };
  const take = ({id, event, data}) => {
    const [, at, point, offset] = id?.match(/^(e\d+)\.(m\d+)\.l(\d+)$/) ?? [];
    if (at !== undefined) Object.assign(place, {event: at, point, offset: Number(offset)});
    if (event === "event") hear.event(data);
    else if (event === "metrics") hear.points(data.points);
    else if (event === "log") hear.log(data);
    else if (event === "end") end();
  };
  const end = () => {
    over = true;
    stop();
    say("ended");
  };
  const poll = () => {
    stop();
    const control = new AbortController();
    let lost = false;
    const turns = repeat(POLL_MS, () => readOn(path, place, hear, control.signal), {
      // Where nothing at all came through for a while, the stream may come through again.
      onDone: done => done ? end() : lost ? streamAgain() : say("polling"),
      onError: () => {
        lost = true;
        say("reconnecting");
      },
    });
    // The longer a stream does not come through, the rarer it is tried: nothing is heard meanwhile.
    const back = setTimeout(() => {
      polled = Math.min(LONGEST_MS, polled * 2);
      streamAgain();
    }, polled);
    stop = () => {
      clearTimeout(back);
      control.abort();
      turns.stop();
    };
  };
  const streamAgain = () => {
    stop();
    drops = DROPS - 1;
    live();
  };
  const look = () => {
    stop();
    if (!document.hidden && !over && !left) live();
  };
  // Where the job was resumed, perhaps elsewhere, perhaps to its end between two looks, there is more to hear.
  const see = (now, final) => {
    const another = attempt !== null && now !== attempt;
    attempt = now;
    if (!over || (final && !another)) return;
    over = false;
    look();
  };
  document.addEventListener("visibilitychange", look);
  look();
  return {see, stop: () => {
    left = true;
    stop();
    document.removeEventListener("visibilitychange", look);
  }};
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
