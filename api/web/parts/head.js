// The head of a job's page: what it is, how it goes, what can be done.
import {el, redraw} from "/web/dom.js";
import {actions} from "/web/parts/actions.js";
import {bar, best, progressWords, status} from "/web/status.js";
import {ago, bytes, duration, moment, short} from "/web/words.js";

export function headPart(onDone) {
  const title = el("div", {class: "title"}), facts = el("div", {class: "facts"}), message = el("div");
  const root = el("div", {class: "head"}, title, facts, message);
  const show = (job, saved) => {
    redraw(title, [job.name, job.status, job.cancel_requested_at, job.spec.trainer, saved], () => [
      el("div", {}, el("a", {href: "#/", class: "small"}, "Jobs"), el("h1", {}, job.name || job.id), el("p", {class: "quiet small"}, el("code", {}, job.id), ` ${job.kind} ${job.workload} ${job.preset}`,
        job.tags.map(tag => el("span", {class: "tag"}, tag)))),
      el("div", {class: "bar"}, actions(job, saved, onDone))]);
    redraw(facts, [job.progress, job.status, job.best, job.memory.latest, job.attempt, job.cancel_requested_at, job.finished_at], () => [
      el("div", {class: "bar going"}, status(job), bar(job), el("span", {class: "number"}, progressWords(job))), el("dl", {class: "figures-row"}, figures(job).flatMap(([name, value]) =>
        el("div", {}, el("dt", {}, name), el("dd", {class: "number"}, value))))]);
    redraw(message, [job.status, job.reason, job.message, job.waiting], () => tell(job));
  };
  return {root, show};
}

function figures(job) {
  const {memory, progress} = job;
  const took = job.attempts.reduce((sum, item) => sum + (new Date(item.ended_at ?? Date.now()) - new Date(item.started_at)) / 1000, 0);
  return [["Best", best(job)], ["Steps", progress.step === null ? "" : `${progress.step} of ${progress.steps}`],
    ["Speed", progress.samples_per_second === null ? "" : `${short(progress.samples_per_second)} samples/s`],
    ["Memory", bytes(memory.latest.job_rss_bytes ?? memory.latest.rss_bytes)], ["Peak", bytes(memory.peak.job_rss_bytes ?? memory.peak.rss_bytes)],
    ["Swapped", bytes(memory.latest.job_swap_bytes ?? memory.latest.swap_bytes)], ["Exact", job.exact === null ? "" : job.exact ? "yes" : "no"],
    ["Ran for", job.attempts.length === 0 ? "" : duration(took)], ["Submitted", `${moment(job.created_at)} (${ago(job.created_at)})`]].filter(([, value]) => value !== "");
}

function tell(job) {
  const text = job.waiting ?? job.message;
  if (!text && job.status !== "failed") return [];
  return el("p", {class: `told ${job.status}`, role: job.status === "failed" ? "alert" : "status"}, job.status === "failed" && job.reason ? el("code", {}, job.reason) : null, " ", text ?? "");
}
