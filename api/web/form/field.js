// One field of the form: its label, its control, its help, and what is wrong with it.
import {el} from "/web/dom.js";
import {read} from "/web/form/changes.js";
import {limits, show} from "/web/form/schema.js";

const NULL = "\u0000null";

// `given` is the change made already, undefined for none; `onGive({value} | {nothing} | {wrong}, text)` hears of each.
// Answers {root, tell(sentence), type(text)}.
export function fieldOf(field, given, onGive) {
  const id = `f-${field.path}`, wrong = el("p", {class: "wrong", id: `${id}-wrong`, hidden: true});
  const help = el("p", {class: "help", id: `${id}-help`}, prose(field.help));
  const range = limits(field), reset = el("button", {type: "button", class: "plain small", onclick: () => give("", true)}, "Reset");
  reset.setAttribute("aria-label", `Reset ${field.path}`);
  const control = field.kind === "choice" || field.kind === "boolean" ? choice(field) : input(field);
  for (const [name, value] of Object.entries({id, name: field.path, "aria-describedby": `${id}-help ${id}-wrong`})) control.setAttribute(name, value);
  const none = control.tagName === "INPUT" && field.optional && field.preset !== null ? el("input", {type: "checkbox", onchange: () => giveNone()}) : null;
  const root = el("div", {class: "field", "data-path": field.path},
    el("label", {for: id}, el("code", {}, field.name), range ? el("span", {class: "quiet small"}, ` ${range}`) : null),
    el("div", {class: "control"}, control, none && el("label", {class: "small"}, none, " none"), reset), help, wrong);

  const tell = sentence => {
    wrong.hidden = sentence === "";
    wrong.textContent = sentence;
    control.setAttribute("aria-invalid", String(sentence !== ""));
  };
  const mark = changed => {
    root.classList.toggle("changed", changed);
    reset.hidden = !changed;
  };
  const give = (text, write) => {
    if (write) {
      control.value = text;
      control.disabled = false;
      if (none) none.checked = false;
    }
    const bad = control.validity?.badInput;
    const found = bad ? {wrong: "must be a number"} : text === NULL ? {value: null} : read(field, text);
    tell(found.wrong ?? "");
    mark(!found.nothing);
    onGive(found, text);
  };
  const type = text => {
    control.value = text;
    give(control.value, false);
  };
  const giveNone = () => {
    control.disabled = none.checked;
    if (none.checked) control.value = "";
    give(none.checked ? NULL : "", false);
  };
  control.addEventListener(control.tagName === "SELECT" ? "change" : "input", () => give(control.value, false));
  if (given === null && none) {
    none.checked = control.disabled = true;
  } else if (given !== undefined) {
    control.value = given === null ? NULL : field.kind === "json" ? JSON.stringify(given) : show(given);
  }
  mark(given !== undefined);
  return {root, tell, type};
}

// `code` in a docstring as code.
export function prose(text) {
  return text.split("`").map((part, index) => index % 2 === 1 ? el("code", {}, part) : part);
}

function input(field) {
  const numeric = field.kind === "integer";
  const range = numeric ? {min: field.low, max: safe(field.high), step: 1} : {};
  const keys = field.kind === "number" ? {inputmode: "decimal"} : {};
  return el("input", {type: numeric ? "number" : "text", placeholder: show(field.preset), autocomplete: "off", spellcheck: "false", ...range, ...keys});
}

function choice(field) {
  const choices = field.kind === "boolean" ? ["true", "false"] : field.choices;
  return el("select", {}, el("option", {value: ""}, `${show(field.preset)} (preset)`),
    choices.map(name => el("option", {value: name}, name)),
    field.optional && field.preset !== null ? el("option", {value: NULL}, "none") : null);
}

const safe = number => Number.isSafeInteger(number) ? number : null;
