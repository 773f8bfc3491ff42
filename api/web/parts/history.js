// A job's guards, checkpoints and attempts, in tables.
import {button, el, redraw, table} from "/web/dom.js";
import {bytes, count, duration, moment} from "/web/words.js";

const GUARD_SHAPES = {passed: "✓", failed: "✕", skipped: "–"};

export function historyPart(onResume) {
  const [guards, checkpoints, attempts] = ["Guards", "Checkpoints", "Attempts"].map(title => {
    const body = el("div");
    return {root: el("section", {"aria-label": title}, el("h2", {}, title), body), body};
  });
  const root = el("div", {}, checkpoints.root, guards.root, attempts.root);
  const show = (job, saved, final) => {
    redraw(guards.body, job.guards, () => job.guards.length === 0 ? quiet("They run before the first step.") : guardTable(job.guards));
    redraw(checkpoints.body, [saved, final], () => saved.length === 0 ? quiet("None yet.") : checkpointTable(saved, final, onResume));
    redraw(attempts.body, job.attempts, () => job.attempts.length === 0 ? quiet("None yet.") : attemptTable(job.attempts));
  };
  return {root, show};
}

const quiet = text => el("p", {class: "quiet"}, text);

function guardTable(guards) {
  const order = {failed: 0, skipped: 1, passed: 2};
  const sorted = [...guards].sort((a, b) => order[a.outcome] - order[b.outcome]);
  return table(["Guard", "Outcome", "What was seen"], sorted.map(item => [item.name.replaceAll("_", " "),
    el("span", {class: `guard ${item.outcome}`}, `${GUARD_SHAPES[item.outcome]} ${item.outcome}`), item.sentence]));
}

// Those that retention removed are folded away.
function checkpointTable(saved, final, onResume) {
  const kept = saved.filter(item => item.state !== "deleted"), gone = saved.filter(item => item.state === "deleted");
  return [kept.length === 0 ? quiet("None is kept.") : rows(kept, final, onResume), gone.length === 0 ? null :
    el("details", {}, el("summary", {class: "quiet"}, `${count(gone.length, "checkpoint")} removed by retention`), rows(gone, final, onResume))];
}

function rows(saved, final, onResume) {
  return table(["Checkpoint", "Epoch", "Size", "State", "Written", ""], saved.map(item => [
    el("span", {}, el("code", {}, item.id), item.best ? el("span", {class: "tag"}, "★ best") : ""), String(item.epoch), bytes(item.bytes), item.state,
    moment(item.created_at), item.state === "ready" ? button("Resume from here", () => onResume(item.id), {disabled: !final,
      title: final ? "" : "A job is resumed after it has ended.", "aria-label": `Resume from ${item.id}`}) : ""]));
}

function attemptTable(attempts) {
  return table(["Attempt", "Worker", "Began", "Took", "From", "Outcome"], attempts.map(item => [String(item.attempt), item.worker_id, moment(item.started_at),
    item.ended_at === null ? "running" : duration((new Date(item.ended_at) - new Date(item.started_at)) / 1000), from(item),
    el("span", {}, (item.outcome ?? "running").replaceAll("_", " "), item.message ? el("div", {class: "quiet small"}, item.message) : "")]));
}

function from(item) {
  if (item.resumed_from === null) return "the beginning";
  const exact = item.exact === null ? "" : item.exact ? "exact" : "not exact";
  return el("span", {title: item.exact_why ?? ""}, el("code", {}, item.resumed_from), " ", el("span", {class: "quiet small"}, exact));
}
