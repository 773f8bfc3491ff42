// One job: its parts, and what they are fed with. The stream brings points, events and lines; a poll the rest.
import {ask} from "/web/api.js";
import {el, empty} from "/web/dom.js";
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
import {Series} from "/web/series.js";
import {isFinal} from "/web/status.js";

const OVERVIEW = 1000, LIVE_MS = 1000, RESTING_MS = 5000, MOST_POINTS = 30_000, SAMPLES = 5000;
const CHANGING = ["checkpoint", "checkpoint_found", "checkpoint_gone", "checkpoint_bad", "artifact", "best", "finished"];

export function page({id}) {
  const path = `/jobs/${id}`;
  const data = {job: null, series: new Series(), samples: [], saved: [], events: [], memoryAfter: null, thinned: false};
  let here = true, turn = null, stop = () => {}, stale = true, drawing = false, place = null;

  const source = {get series() {return data.series;}, get samples() {return data.samples;}, job: () => data.job,
    scale: () => scaleOf(data.job, data.series.longest()), marks: () => marksOf(data.job, data.saved, data.events)};
  const way = el("span", {class: "quiet small way", role: "status"});
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
  const root = el("div", {class: "job"}, head.root, way, curves.root, log.root, files.root, history.root, spec.root);

  const refresh = async () => {
    const known = data.job;
    if (known === null) await Promise.all([readJob(), begin(), readFiles()]);
    else await Promise.all([readJob(), readMemory(), stale ? readFiles() : null]);
    if (!here) return;
    const {job} = data;
    if (known === null || (isFinal(known) && !isFinal(job))) listen();
    head.show(job, data.saved);
    history.show(job, data.saved, isFinal(job));
    spec.show(job);
    draw();
  };
  const readJob = async () => {
    const first = data.job === null;
    data.job = await ask(path);
    document.title = `${data.job.name || id} · epochd`;
    draw();
    if (!first) return;
    head.show(data.job, []);
    overlay.start(data.job).catch(() => {});
  };
  const begin = async () => {
    // The loss alone first: of a long job it is there in half the time of all the curves.
    const readMetrics = async () => {
      data.series.add((await ask(`${path}/metrics?max_points=${OVERVIEW}&name=loss`)).points);
      draw();
      const page = await ask(`${path}/metrics?max_points=${OVERVIEW}`);
      data.series.add(page.points);
      data.thinned = data.series.longest().length > OVERVIEW / 2;
      draw();
      return page;
    };
    const [metrics, events, offset] = await Promise.all([readMetrics(), readEvents(path), log.start(), readMemory()]);
    data.events = events.events;
    place = {event: events.next, point: metrics.next, offset};
  };
  const readFiles = async () => {
    stale = false;
    const [{checkpoints}, {artifacts}] = await Promise.all([ask(`${path}/checkpoints`), ask(`${path}/artifacts`)]);
    data.saved = checkpoints;
    files.show(artifacts);
    draw();
  };
  const readMemory = async () => {
    const page = await ask(`${path}/memory?${data.memoryAfter === null ? `max_points=${OVERVIEW}` : `after=${data.memoryAfter}&limit=${SAMPLES}`}`);
    data.memoryAfter = page.next;
    data.samples.push(...page.points);
    draw();
  };
  const readAnew = async () => {
    const {points} = await ask(`${path}/metrics?max_points=${OVERVIEW}`);
    data.series = new Series();
    data.series.add(points);
    draw();
  };
  const lookCloser = async (first, last) => {
    if (!data.thinned) return;
    const {points} = await ask(`${path}/metrics?max_points=${OVERVIEW}&from_step=${Math.max(0, first)}&to_step=${Math.max(0, last)}`);
    data.series.refine(points, first, last);
    draw();
  };
  const listen = () => {
    stop();
    stop = follow(path, place, {
      points: points => {
        data.series.add(points);
        if (data.series.longest().length > MOST_POINTS) readAnew();
        draw();
      },
      event: event => {
        data.events.push(event);
        if (event.type === "resumed") data.series.rewind(event.data.step, event.attempt);
        if (CHANGING.includes(event.type)) stale = true;
        if (event.data.status !== undefined) again();
      },
      log: text => log.add(text),
      way: word => {
        way.textContent = {live: "live", polling: "live by polling: the stream does not come through", reconnecting: "reconnecting", ended: ""}[word];
        if (word === "ended") {
          stale = true;
          again();
        }
      },
    });
  };
  const failed = error => {
    if (error.status !== 404) return;
    leave();
    root.replaceChildren(empty("There is no such job.", "It may have been deleted.", el("a", {href: "#/"}, "All jobs")));
  };
  const enter = () => {
    turn = repeat(() => data.job !== null && isFinal(data.job) ? RESTING_MS : LIVE_MS, refresh, {onError: failed});
  };
  const leave = () => {
    here = false;
    turn.stop();
    stop();
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
