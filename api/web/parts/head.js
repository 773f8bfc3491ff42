// The head of a job's page: what it is, how it goes, what can be done.
import {el, redraw} from "/web/dom.js";
import {actions} from "/web/parts/actions.js";
import {factsOf} from "/web/parts/facts.js";
import {bar, best, isFinal, progressWords, status} from "/web/status.js";

// show(job, saved) at every look at the job: what can be pressed stays the same element while it means the same.
export function headPart(onDone) {
  const names = el("div"), buttons = el("div", {class: "bar"}), going = el("div", {class: "bar going"}), facts = el("dl", {class: "figures-row"}), message = el("div");
  const root = el("div", {class: "head"}, el("div", {class: "title"}, names, buttons), el("div", {class: "facts"}, going, facts), message);
  let known = null;
  const show = (job, saved) => {
    known = {job, saved};
    redraw(names, [job.name, job.kind, job.workload, job.preset, job.tags], () => [
      el("a", {href: "#/", class: "small"}, "Jobs"), el("h1", {}, job.name || job.id),
      el("p", {class: "quiet small"}, el("code", {}, job.id), ` ${job.kind} ${job.workload} ${job.preset}`, job.tags.map(tag => el("span", {class: "tag"}, tag)))]);
    redraw(buttons, [isFinal(job), job.cancel_requested_at], () => actions(() => known, onDone));
    redraw(going, [job.status, job.cancel_requested_at, job.progress], () => [status(job), bar(job), el("span", {class: "number"}, progressWords(job))]);
    showFacts(facts, [["Best", best(job)], ...factsOf(job, Date.now())].filter(([, text]) => text !== ""));
    redraw(message, [job.status, job.reason, job.message, job.waiting], () => tell(job));
  };
  return {root, show};
}

// Texts change in place: they can be marked and copied while the job runs.
function showFacts(list, facts) {
  redraw(list, facts.map(([name]) => name), () => facts.map(([name]) => el("div", {}, el("dt", {}, name), el("dd", {class: "number"}))));
  for (const [index, [, text]] of facts.entries()) {
    const shown = list.children[index].lastChild;
    if (shown.textContent !== text) shown.textContent = text;
  }
}

function tell(job) {
  const text = job.waiting ?? job.message;
  if (!text && job.status !== "failed") return [];
  return el("p", {class: `told ${job.status}`, role: job.status === "failed" ? "alert" : "status"}, job.status === "failed" && job.reason ? el("code", {}, job.reason) : null, " ", text ?? "");
}
