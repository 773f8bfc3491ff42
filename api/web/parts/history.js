// A job's guards, checkpoints and attempts, in tables.
import {button, el, redraw, redrawRows, table} from "/web/dom.js";
import {bytes, count, duration, moment} from "/web/words.js";

const HEADS = ["Checkpoint", "Epoch", "Size", "State", "Written", ""], WIDE = ["Size", "Written"]; // those that a phone has no room for
const GUARD_SHAPES = {passed: "✓", failed: "✕", skipped: "–"};

export function historyPart(onResume) {
  const [guards, checkpoints, attempts] = ["Guards", "Checkpoints", "Attempts"].map(title => {
    const body = el("div");
    return {root: el("section", {"aria-label": title}, el("h2", {}, title), body), body};
  });
  const tables = checkpointTables(onResume);
  checkpoints.body.append(tables.root);
  const root = el("div", {}, checkpoints.root, guards.root, attempts.root);
  const show = (job, saved, final) => {
    redraw(guards.body, job.guards, () => job.guards.length === 0 ? quiet("They run before the first step.") : guardTable(job.guards));
    tables.show(saved, final);
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

// Rows that stay the same stay the same elements: a button under the pointer, a list unfolded. Those that retention removed
// are folded away. Answers {root, show(saved, final)}.
function checkpointTables(onResume) {
  const none = quiet(""), kept = checkpointTable(onResume), gone = checkpointTable(onResume);
  const title = el("summary", {class: "quiet"}), fold = el("details", {hidden: true}, title, gone.root);
  const show = (saved, final) => {
    const removed = saved.filter(item => item.state === "deleted"), left = saved.filter(item => item.state !== "deleted");
    none.textContent = saved.length === 0 ? "None yet." : "None is kept.";
    none.hidden = left.length > 0;
    kept.show(left, final);
    title.textContent = `${count(removed.length, "checkpoint")} removed by retention`;
    fold.hidden = removed.length === 0;
    gone.show(removed, final);
  };
  return {root: el("div", {}, none, kept.root, fold), show};
}

function checkpointTable(onResume) {
  const root = table(HEADS, []), body = root.querySelector("tbody");
  root.querySelectorAll("th").forEach((head, index) => head.classList.toggle("wide", WIDE.includes(HEADS[index])));
  const show = (saved, final) => {
    root.hidden = saved.length === 0;
    redrawRows(body, saved.map(item => ({...item, final})), item => `${item.id} ${final}`, item => checkpointRow(item, onResume));
  };
  return {root, show};
}

function checkpointRow(item, onResume) {
  const cells = [el("span", {}, el("code", {}, item.id), item.best ? el("span", {class: "tag"}, "★ best") : ""), String(item.epoch), bytes(item.bytes),
    item.state, moment(item.created_at), item.state === "ready" ? resumeButton(item, onResume) : ""];
  return el("tr", {}, cells.map((cell, index) => el("td", {class: WIDE.includes(HEADS[index]) && "wide"}, cell)));
}

function resumeButton({id, final}, onResume) {
  const pressed = button("Resume", () => onResume(id), {disabled: !final, title: final ? "" : "A job is resumed after it has ended.",
    "aria-label": `Resume from ${id}`, "data-scope": "submit"});
  pressed.append(el("span", {class: "wide"}, " from here"));
  return pressed;
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
