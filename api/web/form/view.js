// The form of a workload: fields, folded groups, a search over all of them, and problems shown where they belong.
import {el} from "/web/dom.js";
import {isOn, placeOf, standing} from "/web/form/changes.js";
import {Field, prose} from "/web/form/field.js";
import {walk} from "/web/form/schema.js";
import {count} from "/web/words.js";

const INVALID = '[aria-invalid="true"]';

// `changes` and `drafts` (path -> {text, wrong}, what cannot be read) are read and written; `onChange()` hears of each change.
export class FormView {
  #nodes;
  #changes;
  #drafts;
  #onChange;
  #places = new Map(); // path -> what shows a sentence there
  #fields = new Map();

  constructor(nodes, changes, drafts, onChange) {
    [this.#nodes, this.#changes, this.#drafts, this.#onChange] = [nodes, changes, drafts, onChange];
    const single = nodes.filter(node => node.kind !== "group"), groups = nodes.filter(node => node.kind === "group");
    this.root = el("div", {class: "specform"}, el("div", {class: "fields first"}, single.map(node => this.#drawField(node))),
      groups.map(node => this.#drawGroup(node, true)));
    this.#countChanges();
    for (const path of [...changes.keys(), ...drafts.keys()]) reveal(this.root, path);
    for (const [path, {text}] of [...drafts]) this.#fields.get(path)?.type(text);
  }

  // Shows [{field, message}], and answers those that belong to no field.
  tell(problems) {
    const known = new Set(this.#places.keys()), rest = [], said = new Map();
    for (const {field, message} of problems) {
      const place = placeOf(field, known);
      if (place === "") rest.push({field, message});
      else said.set(place, [said.get(place), place === field ? message : `${field}: ${message}`].filter(Boolean).join("; "));
    }
    for (const [path, show] of this.#places) show(this.#drafts.get(path)?.wrong ?? said.get(path) ?? "");
    for (const path of said.keys()) reveal(this.root, path);
    return rest;
  }

  search(text) {
    return search(this.root, this.#nodes, text);
  }

  // How many fields cannot be read.
  wrong() {
    return [...standing(this.#drafts, this.#changes, this.#nodes).keys()].filter(path => this.#fields.has(path)).length;
  }

  // Puts the focus at the first field with a problem.
  goToWrong() {
    const control = [...this.root.querySelectorAll(INVALID)].find(one => one.closest(".fields[hidden]") === null);
    if (control === undefined) return;
    reveal(this.root, control.closest(".field").dataset.path);
    control.focus();
  }

  #drawField(node) {
    const field = new Field(node, this.#changes.get(node.path), (found, text) => this.#write(node.path, found, text));
    this.#places.set(node.path, sentence => field.tell(sentence));
    this.#fields.set(node.path, field);
    return field.root;
  }

  #drawGroup(node, outer) {
    const number = el("span", {class: "quiet small", "data-changes": node.path}), wrong = el("p", {class: "wrong", hidden: true});
    const body = el("div", {class: "fields"}, node.members.map(member => member.kind === "group" ? this.#drawGroup(member, false) : this.#drawField(member)));
    const use = node.optional ? toggle(node, body, found => this.#write(node.path, found), isOn(node, this.#changes)) : null;
    this.#places.set(node.path, sentence => {
      wrong.hidden = sentence === "";
      wrong.textContent = sentence;
    });
    return el("details", {class: outer ? "group" : "group inner", "data-path": node.path},
      el("summary", {}, el("code", {}, node.name), " ", number), el("p", {class: "help"}, prose(node.help)), wrong, use, body);
  }

  #write(path, found, text) {
    if (found.wrong) this.#drafts.set(path, {text, wrong: found.wrong});
    else this.#drafts.delete(path);
    if ("value" in found) this.#changes.set(path, found.value);
    else this.#changes.delete(path);
    this.#countChanges();
    this.#onChange();
  }

  #countChanges() {
    const counted = [...standing(this.#changes, this.#changes, this.#nodes).keys()];
    for (const place of this.root.querySelectorAll("[data-changes]")) {
      const number = counted.filter(path => path === place.dataset.changes || path.startsWith(`${place.dataset.changes}.`)).length;
      place.textContent = number === 0 ? "" : count(number, "change");
    }
  }
}

// The box that gives a group which may be null.
function toggle(node, body, write, on) {
  const box = el("input", {type: "checkbox", checked: on, onchange: () => {
    body.hidden = !box.checked;
    write(box.checked === node.on ? {nothing: true} : {value: box.checked ? {} : null});
  }});
  body.hidden = !on;
  return el("label", {class: "use"}, box, " use ", el("code", {}, node.path));
}

// Opens what a field or group is in, also where a search left it out.
function reveal(root, path) {
  let place = root.querySelector(`[data-path="${CSS.escape(path)}"]`);
  for (; place && place !== root; place = place.parentElement) {
    if (place.tagName === "DETAILS") place.open = true;
    if (place.matches(".field, details")) place.hidden = false;
  }
}

// Shows the fields whose path or help has the words, and answers how many they are; what is wrong stays in sight.
function search(root, nodes, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean), found = new Set();
  for (const node of walk(nodes)) {
    const all = `${node.path} ${node.help}`.toLowerCase();
    if (node.kind !== "group" && words.every(word => all.includes(word))) found.add(node.path);
  }
  for (const field of root.querySelectorAll(".field")) field.hidden = !found.has(field.dataset.path) && field.querySelector(INVALID) === null;
  for (const group of [...root.querySelectorAll("details")].reverse()) {
    group.hidden = group.querySelector(".field:not([hidden]), .wrong:not([hidden])") === null;
    if (words.length > 0 && !group.hidden) group.open = true;
  }
  return found.size;
}
