// The filters of the job list, kept in the address so that a list can be shared.
import {ask} from "/web/api.js";
import {button, el} from "/web/dom.js";
import {STATUSES} from "/web/status.js";

const KINDS = ["train", "eval", "preflight"];
const NAMES = ["workload", "kind", "tag", "text"];
const PAUSE_MS = 250;

// `onChange` hears of every change. What is typed but not looked for yet when the page is left is given up: the address is
// another page's then.
export class Filters {
  #onChange;
  #timers = new Map();
  #chosen;
  #values;
  #toggles = STATUSES.map(name => button(name, () => this.#toggle(name), {class: `chip ${name}`}));
  #fields = {
    text: input("search", "Search names", value => this.#type("text", value)),
    tag: input("text", "Tag", value => this.#type("tag", value)),
    kind: select("Kind", KINDS, value => this.#set("kind", value)),
    workload: select("Workload", [], value => this.#set("workload", value)),
  };

  constructor(query, onChange) {
    this.#onChange = onChange;
    this.#chosen = new Set(query.getAll("status").filter(name => STATUSES.includes(name)));
    this.#values = Object.fromEntries(NAMES.map(name => [name, query.get(name) ?? ""]));
    const {text, tag, kind, workload} = this.#fields, statuses = el("div", {class: "chips", role: "group", "aria-label": "Status"}, this.#toggles);
    this.root = el("form", {class: "filters", role: "search", "aria-label": "Filter jobs", onsubmit: event => event.preventDefault()},
      text, statuses, workload, kind, tag);
    fillWorkloads(workload, () => this.#values.workload).catch(() => {}); // what is wrong with the service the list tells
    this.#draw();
  }

  parameters() {
    return new URLSearchParams([...[...this.#chosen].map(name => ["status", name]),
      ...NAMES.filter(name => this.#values[name] !== "").map(name => [name, this.#values[name]])]);
  }

  any() {
    return String(this.parameters()) !== "";
  }

  clear() {
    this.#chosen.clear();
    for (const name of NAMES) this.#values[name] = "";
    this.#changed();
  }

  leave() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #toggle(name) {
    if (!this.#chosen.delete(name)) this.#chosen.add(name);
    this.#changed();
  }

  #set(name, value) {
    this.#values[name] = value;
    this.#changed();
  }

  #type(name, value) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(() => this.#set(name, value), PAUSE_MS));
  }

  #changed() {
    const text = String(this.parameters());
    history.replaceState(null, "", text === "" ? "#/" : `#/?${text}`);
    this.#draw();
    this.#onChange();
  }

  #draw() {
    this.#toggles.forEach((toggle, index) => toggle.setAttribute("aria-pressed", String(this.#chosen.has(STATUSES[index]))));
    for (const [name, field] of Object.entries(this.#fields)) {
      if (document.activeElement !== field) field.value = this.#values[name];
    }
  }
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
