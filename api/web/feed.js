// A job followed live: the stream of server-sent events, and polling where the stream does not come through.
import {ask, stream} from "/web/api.js";
import {repeat} from "/web/repeat.js";

const DROPS = 3, POLL_MS = 1500, POLLED_MS = 60_000;

// place: {event, point, offset} as cursors "e12", "m345" and a byte. hear: {event(one), points(list), log(text), way(text)}.
// Rests while the tab is hidden: a stream holds one of the few connections a browser has for all its tabs.
export function follow(path, place, hear) {
  let stop = () => {}, drops = 0, over = false;
  const live = () => {
    hear.way("live");
    stop = stream(`${path}/events`, `${place.event}.${place.point}.l${place.offset}`, message => {
      drops = 0;
      hear.way("live");
      take(message);
    }, () => {
      drops += 1;
      hear.way("reconnecting");
      if (drops >= DROPS) poll();
    });
  };
  const take = ({id, event, data}) => {
    const [, at, point, offset] = id?.match(/^(e\d+)\.(m\d+)\.l(\d+)$/) ?? [];
    if (at !== undefined) Object.assign(place, {event: at, point, offset: Number(offset)});
    if (event === "event") hear.event(data);
    else if (event === "metrics") hear.points(data.points);
    else if (event === "log") hear.log(data.text);
    else if (event === "end") {
      over = true;
      hear.way("ended");
    }
  };
  const poll = () => {
    stop();
    hear.way("polling");
    const turns = repeat(POLL_MS, () => readOn(path, place, hear));
    const back = setTimeout(() => {
      turns.stop();
      drops = 0;
      live();
    }, POLLED_MS);
    stop = () => {
      clearTimeout(back);
      turns.stop();
    };
  };
  const look = () => {
    stop();
    if (!document.hidden && !over) live();
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    over = true;
    stop();
    document.removeEventListener("visibilitychange", look);
  };
}

async function readOn(path, place, hear) {
  const [{events, next}, metrics, log] = await Promise.all([ask(`${path}/events?after=${place.event}`),
    ask(`${path}/metrics?after=${place.point}&limit=10000`), ask(`${path}/logs?offset=${place.offset}`)]);
  Object.assign(place, {event: next, point: metrics.next, offset: log.next});
  for (const event of events) hear.event(event);
  if (metrics.points.length > 0) hear.points(metrics.points);
  if (log.text !== "") hear.log(log.text);
}
