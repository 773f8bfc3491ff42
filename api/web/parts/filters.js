// The filters of the job list, kept in the address so that a list can be shared.
import {ask} from "/web/api.js";
import {button, el} from "/web/dom.js";
import {STATUSES} from "/web/status.js";

const KINDS = ["train", "eval", "preflight"];
const NAMES = ["workload", "kind", "tag", "text"];
const PAUSE_MS = 250;

// Answers {root, parameters(), any(), clear(), leave()}; `onChange` hears of every change. What is typed but not looked for
// yet when the page is left is given up: the address is another page's then.
export function filters(query, onChange) {
  const timers = new Map();
  const chosen = new Set(query.getAll("status").filter(name => STATUSES.includes(name)));
  const values = Object.fromEntries(NAMES.map(name => [name, query.get(name) ?? ""]));
  const parameters = () => new URLSearchParams([...[...chosen].map(name => ["status", name]),
    ...NAMES.filter(name => values[name] !== "").map(name => [name, values[name]])]);
  const changed = () => {
    const text = String(parameters());
    history.replaceState(null, "", text === "" ? "#/" : `#/?${text}`);
    draw();
    onChange();
  };
  const toggles = STATUSES.map(name => button(name, () => {
    if (!chosen.delete(name)) chosen.add(name);
    changed();
  }, {class: `chip ${name}`}));
  const set = name => value => {
    values[name] = value;
    changed();
  };
  const type = name => value => {
    clearTimeout(timers.get(name));
    timers.set(name, setTimeout(set(name), PAUSE_MS, value));
  };
  const text = input("search", "Search names", type("text")), tag = input("text", "Tag", type("tag"));
  const kind = select("Kind", KINDS, set("kind")), workload = select("Workload", [], set("workload"));
  const clear = () => {
    chosen.clear();
    for (const name of NAMES) values[name] = "";
    changed();
  };
  const draw = () => {
    toggles.forEach((toggle, index) => toggle.setAttribute("aria-pressed", String(chosen.has(STATUSES[index]))));
    for (const [name, field] of Object.entries({text, tag, kind, workload})) {
      if (document.activeElement !== field) field.value = values[name];
    }
  };
  fillWorkloads(workload, () => values.workload).catch(() => {}); // what is wrong with the service the list tells
  draw();
  const root = el("form", {class: "filters", role: "search", "aria-label": "Filter jobs", onsubmit: event => event.preventDefault()},
    text, el("div", {class: "chips", role: "group", "aria-label": "Status"}, toggles), workload, kind, tag);
  const leave = () => {
    for (const timer of timers.values()) clearTimeout(timer);
  };
  return {root, parameters, any: () => String(parameters()) !== "", clear, leave};
}

function input(type, label, onType) {
  const field = el("input", {type, placeholder: label, "aria-label": label, oninput: () => onType(field.value.trim())});
  return field;
}

function select(label, names, set) {
  const field = el("select", {"aria-label": label, onchange: () => set(field.value)},
    el("option", {value: ""}, `any ${label.toLowerCase()}`), names.map(name => el("option", {value: name}, name)));
  return field;
}

async function fillWorkloads(field, value) {
  const {workloads} = await ask("/workloads");
  field.append(...workloads.map(({name}) => el("option", {value: name}, name)));
  field.value = value();
}
