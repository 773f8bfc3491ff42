// A job's results and the spec that ran, with every value that was adjusted and why.
import {copy} from "/web/copy.js";
import {button, el, redraw, table} from "/web/dom.js";
import {short} from "/web/words.js";

const MOST_LISTED = 12;

export function specPart() {
  const results = el("div"), spec = el("div");
  const resultsRoot = el("section", {"aria-label": "Results", hidden: true}, el("h2", {}, "Results"), results);
  const root = el("div", {}, resultsRoot, el("section", {"aria-label": "Spec"}, el("h2", {}, "Spec that runs"), spec));
  const show = job => {
    resultsRoot.hidden = job.results === null;
    redraw(results, job.results, () => job.results === null ? [] : tree(job.results, new Map(), 0));
    redraw(spec, [job.spec, job.adjustments], () => [adjusted(job.adjustments), tree(job.spec, new Map(job.adjustments.map(item => [item.field, item])), 0),
      button("Copy as JSON", () => copy(JSON.stringify(job.spec, null, 2)))]);
  };
  return {root, show};
}

function adjusted(items) {
  if (items.length === 0) return el("p", {class: "quiet"}, "Nothing was adjusted.");
  return table(["Adjusted", "Asked", "Runs", "Why"], items.map(item => [el("code", {}, item.field), print(item.asked), el("b", {}, print(item.used)), item.why]));
}

// Plain values in a list, groups folded beneath; the first `open` levels unfolded.
function tree(values, marks, open, path = "") {
  const entries = Object.entries(values), isGroup = value => value !== null && typeof value === "object" && Object.keys(value).length > 0 && !isPlainList(value);
  const plain = entries.filter(([, value]) => !isGroup(value)), groups = entries.filter(([, value]) => isGroup(value));
  return el("div", {class: "tree"}, plain.length === 0 ? null : el("dl", {}, plain.flatMap(([name, value]) => {
    const mark = marks.get(path + name);
    return [el("dt", {}, name), el("dd", {class: mark ? "adjusted" : ""}, print(value), mark ? ` (asked: ${print(mark.asked)})` : "")];
  })), groups.map(([name, value]) => group(name, value, marks, open, path)));
}

function group(name, value, marks, open, path) {
  const changed = [...marks.keys()].some(field => field.startsWith(`${path}${name}.`));
  return el("details", {open: open > 0 || changed}, el("summary", {}, name), tree(value, marks, open - 1, `${path}${name}.`));
}

const isPlainList = value => Array.isArray(value) && value.every(one => one === null || typeof one !== "object");

function listed(values) {
  const shown = values.slice(0, MOST_LISTED).map(print).join(", ");
  return values.length > MOST_LISTED ? `${shown}, … (${values.length} in all)` : shown;
}

function print(value) {
  if (value === null) return "none";
  if (Array.isArray(value) && value.length > 0 && isPlainList(value)) return listed(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : short(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}
