// The form of a workload: fields, folded groups, a search over all of them, and problems shown where they belong.
import {el} from "/web/dom.js";
import {placeOf} from "/web/form/changes.js";
import {fieldOf, prose} from "/web/form/field.js";
import {walk} from "/web/form/schema.js";
import {count} from "/web/words.js";

// `changes` is read and written; `onChange()` hears of each change. Answers {root, tell(problems), search(text), wrong()}:
// tell shows [{field, message}] and answers those that belong to no field; wrong says how many fields cannot be read.
export function formView(nodes, changes, onChange) {
  const places = new Map(), unread = new Map();
  const write = (path, found) => {
    if (found.wrong) unread.set(path, found.wrong);
    else unread.delete(path);
    if ("value" in found) changes.set(path, found.value);
    else changes.delete(path);
    countChanges();
    onChange();
  };
  const draw = (node, outer) => node.kind === "group" ? drawGroup(node, outer) : drawField(node);
  const drawField = node => {
    const field = fieldOf(node, changes.get(node.path), found => write(node.path, found));
    places.set(node.path, field.tell);
    return field.root;
  };
  const drawGroup = (node, outer) => {
    const number = el("span", {class: "quiet small", "data-changes": node.path}), wrong = el("p", {class: "wrong", hidden: true});
    const body = el("div", {class: "fields"}, node.members.map(member => draw(member, false)));
    const use = node.optional ? toggle(node, body, found => write(node.path, found), changes.get(node.path)) : null;
    places.set(node.path, sentence => {
      wrong.hidden = sentence === "";
      wrong.textContent = sentence;
    });
    return el("details", {class: outer ? "group" : "group inner", "data-path": node.path},
      el("summary", {}, el("code", {}, node.name), " ", number), el("p", {class: "help"}, prose(node.help)), wrong, use, body);
  };
  const single = nodes.filter(node => node.kind !== "group"), groups = nodes.filter(node => node.kind === "group");
  const root = el("div", {class: "specform"}, el("div", {class: "fields first"}, single.map(node => draw(node, true))), groups.map(node => draw(node, true)));

  const countChanges = () => {
    for (const place of root.querySelectorAll("[data-changes]")) {
      const number = [...changes.keys()].filter(path => path === place.dataset.changes || path.startsWith(`${place.dataset.changes}.`)).length;
      place.textContent = number === 0 ? "" : count(number, "change");
    }
  };
  const tell = problems => {
    const known = new Set(places.keys()), rest = [], said = new Map();
    for (const {field, message} of problems) {
      const place = placeOf(field, known);
      if (place === "") rest.push({field, message});
      else said.set(place, [said.get(place), place === field ? message : `${field}: ${message}`].filter(Boolean).join("; "));
    }
    for (const [path, show] of places) show(unread.get(path) ?? said.get(path) ?? "");
    for (const path of said.keys()) reveal(root, path);
    return rest;
  };
  countChanges();
  for (const path of changes.keys()) reveal(root, path);
  return {root, tell, search: text => search(root, nodes, text), wrong: () => unread.size};
}

// The box that gives a group which may be null.
function toggle(node, body, write, given) {
  const on = given === undefined ? node.on : given !== null;
  const box = el("input", {type: "checkbox", checked: on, onchange: () => {
    body.hidden = !box.checked;
    write(box.checked === node.on ? {nothing: true} : {value: box.checked ? {} : null});
  }});
  body.hidden = !on;
  return el("label", {class: "use"}, box, " use ", el("code", {}, node.path));
}

function reveal(root, path) {
  let place = root.querySelector(`[data-path="${CSS.escape(path)}"]`);
  for (; place && place !== root; place = place.parentElement) {
    if (place.tagName === "DETAILS") place.open = true;
  }
}

// Shows the fields whose path or help has the words, and how many they are.
function search(root, nodes, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean), found = new Set();
  for (const node of walk(nodes)) {
    const all = `${node.path} ${node.help}`.toLowerCase();
    if (node.kind !== "group" && words.every(word => all.includes(word))) found.add(node.path);
  }
  for (const field of root.querySelectorAll(".field")) field.hidden = !found.has(field.dataset.path);
  for (const group of [...root.querySelectorAll("details")].reverse()) {
    group.hidden = group.querySelector(".field:not([hidden])") === null;
    if (words.length > 0 && !group.hidden) group.open = true;
  }
  return found.size;
}
