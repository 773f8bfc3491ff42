// The fleet: who is alive, what each runs and offers, and how hard its host breathes.
import {ask} from "/web/api.js";
import {el, empty, redraw, redrawRows} from "/web/dom.js";
import {Traffic} from "/web/parts/traffic.js";
import {workerCard} from "/web/parts/worker.js";
import {repeat} from "/web/repeat.js";
import {ago, count} from "/web/words.js";

const LIVE_MS = 2000, MOST_JOBS = 200;

export function page() {
  const body = el("div", {class: "cards"}), note = el("p", {class: "quiet"}), said = el("div");
  const root = el("div", {}, el("div", {class: "title"}, el("h1", {}, "Workers"), note), body, said);
  const traffic = new Traffic();
  let turn = null;
  const show = async () => {
    const {workers} = await ask("/workers");
    const busy = workers.some(worker => worker.running.length > 0);
    const {jobs} = busy ? await ask(`/jobs?status=running&limit=${MOST_JOBS}`) : {jobs: []};
    const known = new Map(jobs.map(job => [job.id, {name: job.name || job.id, percent: job.progress.percent}]));
    const seen = workers.map(worker => ({...worker, swapping: traffic.of(worker),
      jobs: worker.running.map(id => ({id, name: id, percent: null, ...known.get(id)}))}));
    const alive = workers.filter(worker => worker.alive).length;
    note.textContent = workers.length === 0 ? "" : `${count(alive, "worker")} alive${alive < workers.length ? `, ${workers.length - alive} silent` : ""}`;
    redrawRows(body, seen, worker => worker.id, workerCard);
    redraw(said, seen.length === 0, () => seen.length === 0 ? nobody() : []);
    for (const time of body.querySelectorAll("time")) time.textContent = ago(time.dateTime);
  };
  const failed = error => redraw(said, error.message, () => error.status === 0 ? [] : empty("The workers cannot be shown.", error.message));
  const enter = () => {
    turn = repeat(LIVE_MS, show, {onError: failed});
  };
  return {root, enter, leave: () => turn.stop(), title: "Workers"};
}

function nobody() {
  return empty("No worker has called yet, so no job can run.", el("span", {}, "On one machine ", el("code", {}, "epochd up"), " brings its own."),
    el("span", {}, "Beside a service of its own, start one on each machine: ", el("code", {}, "python -m worker.stack")));
}
