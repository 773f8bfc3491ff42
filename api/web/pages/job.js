// One job: its parts, and what they are fed with. The stream brings points, events and lines; a poll the rest.
import {ask} from "/web/api.js";
import {el, empty, toast} from "/web/dom.js";
import {every} from "/web/every.js";
import {follow} from "/web/feed.js";
import {askResume} from "/web/parts/actions.js";
import {curvesPart} from "/web/parts/curves.js";
import {filesPart} from "/web/parts/files.js";
import {headPart} from "/web/parts/head.js";
import {historyPart} from "/web/parts/history.js";
import {logPart} from "/web/parts/log.js";
import {marksOf} from "/web/parts/marks.js";
import {overlayPart, scaleOf} from "/web/parts/overlay.js";
import {specPart} from "/web/parts/spec.js";
import {repeat} from "/web/repeat.js";
import {Samples} from "/web/samples.js";
import {isFinal} from "/web/status.js";
import {Watched} from "/web/watched.js";

const LIVE_MS = 1000, RESTING_MS = 5000, TAIL = 400;
const CHANGING = ["checkpoint", "checkpoint_found", "checkpoint_gone", "checkpoint_bad", "artifact", "best", "finished"];
const WAYS = {live: "live", polling: "live by polling: the stream does not come through", reconnecting: "reconnecting", ended: ""};

export function page({id}) {
  const path = `/jobs/${id}`, reading = part => query => ask(`${path}/${part}?${new URLSearchParams(query)}`);
  const data = {job: null, curves: new Watched(reading("metrics")), samples: new Samples(reading("memory")), saved: [], events: []};
  // Files were read as of `filed` changes; feed is null until all that comes before the stream was read.
  let here = true, turn = null, feed = null, changes = 1, filed = 0, drawing = false;

  const source = {get series() {return data.curves.series;}, get samples() {return data.samples.all;}, job: () => data.job,
    scale: () => scaleOf(data.job, data.curves.series.longest()), marks: () => marksOf(data.job, data.saved, data.events)};
  const way = el("span", {class: "quiet small way", role: "status"}), trouble = el("p", {class: "failed small", role: "alert", hidden: true});
  const draw = () => {
    if (drawing || data.job === null) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (here) curves.show();
    });
  };
  const again = () => turn?.now();
  const overlay = overlayPart(id, draw), curves = curvesPart(source, overlay, (first, last) => lookCloser(first, last));
  const head = headPart(again), log = logPart(path), files = filesPart(), spec = specPart();
  const history = historyPart(from => askResume(data.job, data.saved, from, again));
  const root = el("div", {class: "job"}, head.root, way, trouble, curves.root, log.root, files.root, history.root, spec.root);

  const refresh = async () => {
    await every([readJob(), readMemory(), feed === null ? begin() : null, filed === changes ? null : readFiles(),
      data.curves.long ? data.curves.renew() : null]);
    draw();
  };
  const readJob = async () => {
    const job = await ask(path), first = data.job === null;
    if (!here) return;
    data.job = job;
    document.title = `${job.name || id} · epochd`;
    feed?.see(job.attempt, isFinal(job));
    show();
    if (first) overlay.start(job).catch(() => {});
  };
  const show = () => {
    if (data.job === null) return;
    head.show(data.job, data.saved);
    if (filed > 0) history.show(data.job, data.saved, isFinal(data.job));
    spec.show(data.job);
    draw();
  };
  const begin = async () => {
    const [point, events, lines] = await every([data.curves.begin(draw), readEvents(path), ask(`${path}/logs?tail=${TAIL}`)]);
    if (!here) return;
    data.events = events.events;
    log.begin(lines);
    feed = follow(path, {event: events.next, point, offset: lines.next}, hear);
    if (data.job !== null) feed.see(data.job.attempt, isFinal(data.job));
    draw();
  };
  const readFiles = async () => {
    const asked = changes;
    const [{checkpoints}, {artifacts}] = await every([ask(`${path}/checkpoints`), ask(`${path}/artifacts`)]);
    if (!here) return;
    [data.saved, filed] = [checkpoints, asked];
    files.show(artifacts);
    show();
  };
  const readMemory = async () => {
    await data.samples.more();
    draw();
  };
  const lookCloser = async (first, last) => {
    try {
      await data.curves.look(first, last);
      draw();
    } catch (error) {
      toast(error.message, "failed");
    }
  };
  const hear = {
    points: points => {
      data.curves.add(points);
      draw();
    },
    event: event => {
      data.events.push(event);
      if (event.type === "resumed") data.curves.rewind(event.data.step, event.attempt);
      if (CHANGING.includes(event.type)) changes += 1;
      if (event.data.status !== undefined) again();
    },
    log: lines => log.add(lines),
    way: word => {
      way.textContent = WAYS[word];
      if (word !== "ended") return;
      changes += 1;
      again();
    },
  };
  const failed = error => {
    // That epochd does not answer at all is said at the head of the page.
    tell(error.status === 0 ? "" : error.message);
    if (error.status !== 404) return;
    leave();
    root.replaceChildren(empty("There is no such job.", "It may have been deleted.", el("a", {href: "#/"}, "All jobs")));
  };
  const tell = text => {
    trouble.textContent = text;
    trouble.hidden = text === "";
  };
  const enter = () => {
    turn = repeat(() => data.job !== null && isFinal(data.job) ? RESTING_MS : LIVE_MS, refresh, {onError: failed, onDone: () => tell("")});
  };
  const leave = () => {
    here = false;
    turn.stop();
    feed?.stop();
    curves.leave();
    files.leave();
  };
  return {root, enter, leave, title: id};
}

async function readEvents(path) {
  const found = {events: [], next: null};
  for (;;) {
    const page = await ask(`${path}/events?limit=1000${found.next === null ? "" : `&after=${found.next}`}`);
    found.events.push(...page.events);
    found.next = page.next;
    if (page.events.length < 1000) return found;
  }
}
