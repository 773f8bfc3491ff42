// The list of jobs: live, filtered, in pages.
import {ask} from "/web/api.js";
import {button, buttonIf, el, empty, redraw, redrawRows} from "/web/dom.js";
import {Filters} from "/web/parts/filters.js";
import {repeat} from "/web/repeat.js";
import {bar, best, progressWords, status} from "/web/status.js";
import {ago, bytes, moment} from "/web/words.js";

const PAGE = 50, LIVE_MS = 1500;
const HEADS = [["Job", ""], ["Status", ""], ["Progress", ""], ["Best", "wide"], ["Memory", "wide"], ["Submitted", "wide"]];

export function page({query}) {
  const state = {cursors: [null], next: null};
  const choice = new Filters(query, () => {
    state.cursors = [null];
    turn?.now();
  });
  const rows = el("tbody"), note = el("div"), pager = el("nav", {class: "bar", "aria-label": "Pages of the list"});
  const head = el("tr", {}, HEADS.map(([text, kind]) => el("th", {scope: "col", class: kind}, text)));
  const list = el("table", {class: "jobs", hidden: true}, el("thead", {}, head), rows);
  const root = el("div", {}, el("div", {class: "title"}, el("h1", {}, "Jobs"),
    el("a", {class: "button primary", href: "#/submit"}, "Submit a job")), choice.root, list, note, pager);
  let turn = null;

  const show = async () => {
    const cursor = state.cursors.at(-1), asked = choice.parameters();
    const parameters = new URLSearchParams([...asked, ["limit", PAGE], ...(cursor === null ? [] : [["cursor", cursor]])]);
    const {jobs, next} = await ask(`/jobs?${parameters}`);
    if (cursor !== state.cursors.at(-1) || String(asked) !== String(choice.parameters())) return;
    state.next = next;
    redrawRows(rows, jobs, job => job.id, row);
    list.hidden = jobs.length === 0;
    redraw(note, [jobs.length === 0, choice.any(), ""], () => jobs.length === 0 ? nothing(choice) : []);
    showPager(pager, state, () => turn.now());
    for (const time of rows.querySelectorAll("time")) time.textContent = ago(time.dateTime);
  };
  const failed = error => redraw(note, ["failed", error.message], () =>
    error.status === 0 ? [] : empty("The jobs cannot be shown.", error.message));
  const enter = () => {
    turn = repeat(LIVE_MS, show, {onError: failed});
  };
  const leave = () => {
    turn.stop();
    choice.leave();
  };
  return {root, enter, leave, title: "Jobs"};
}

function row(job) {
  return el("tr", {},
    el("td", {}, el("a", {href: `#/jobs/${job.id}`, class: "strong"}, job.name || job.id), el("div", {class: "quiet small"},
      [job.kind === "train" ? "" : job.kind, job.workload, job.preset].filter(Boolean).join(" "),
      job.tags.map(tag => el("span", {class: "tag"}, tag)))),
    el("td", {}, status(job), el("div", {class: "quiet small"}, job.status === "failed" ? job.reason : "")),
    el("td", {}, bar(job), el("div", {class: "quiet small"}, progressWords(job))),
    el("td", {class: "wide number"}, best(job)),
    el("td", {class: "wide number"}, bytes(job.memory.latest.job_rss_bytes ?? job.memory.latest.rss_bytes)),
    el("td", {class: "wide quiet"}, el("time", {datetime: job.created_at, title: moment(job.created_at)}, ago(job.created_at))));
}

function nothing(choice) {
  if (choice.any()) return empty("No job matches these filters.", button("Show all jobs", () => choice.clear()));
  return empty("No jobs yet.", el("span", {}, "Submit one ", el("a", {href: "#/submit"}, "with the form"),
    ", with the epochd command or with POST /jobs."));
}

function showPager(pager, state, again) {
  const move = cursors => () => {
    state.cursors = cursors;
    scrollTo(0, 0);
    again();
  };
  const {cursors, next} = state;
  redraw(pager, [cursors, next], () => cursors.length === 1 && next === null ? [] : [
    buttonIf(cursors.length > 1, "Newer", move(cursors.slice(0, -1)), {"data-focus": "newer"}),
    el("span", {class: "quiet"}, `page ${cursors.length}`),
    buttonIf(next !== null, "Older", move([...cursors, next]), {"data-focus": "older"})]);
}
