// One field of the form: its label, its control, its help, and what is wrong with it.
import {el} from "/web/dom.js";
import {read} from "/web/form/changes.js";
import {limits, show} from "/web/form/schema.js";

const NULL = "\u0000null";

// `given` is the change made already, undefined for none; `onGive({value} | {nothing} | {wrong}, text)` hears of each.
export class Field {
  #field;
  #onGive;
  #control;
  #none = null; // the box that gives null
  #reset;
  #wrong;

  constructor(field, given, onGive) {
    const id = `f-${field.path}`;
    [this.#field, this.#onGive, this.#control] = [field, onGive, controlOf(field, id, () => this.#give(this.#control.value))];
    if (this.#control.tagName === "INPUT" && field.optional && field.preset !== null) {
      this.#none = el("input", {type: "checkbox", onchange: () => this.#giveNone()});
    }
    this.#reset = el("button", {type: "button", class: "plain small", "aria-label": `Reset ${field.path}`, onclick: () => this.#giveUp()}, "Reset");
    this.#wrong = el("p", {class: "wrong", id: `${id}-wrong`, hidden: true});
    this.root = this.#draw(id);
    this.#begin(given);
  }

  tell(sentence) {
    this.#wrong.hidden = sentence === "";
    this.#wrong.textContent = sentence;
    this.#control.setAttribute("aria-invalid", String(sentence !== ""));
  }

  // As if the user had typed it.
  type(text) {
    this.#control.value = text;
    this.#give(this.#control.value);
  }

  #draw(id) {
    const {name, path, help} = this.#field, range = limits(this.#field);
    return el("div", {class: "field", "data-path": path},
      el("label", {for: id}, el("code", {}, name), range ? el("span", {class: "quiet small"}, ` ${range}`) : null),
      el("div", {class: "control"}, this.#control, this.#none && el("label", {class: "small"}, this.#none, " none"), this.#reset),
      el("p", {class: "help", id: `${id}-help`}, prose(help)), this.#wrong);
  }

  #begin(given) {
    if (given === null && this.#none) this.#none.checked = this.#control.disabled = true;
    else if (given !== undefined) this.#control.value = given === null ? NULL : this.#field.kind === "json" ? JSON.stringify(given) : show(given);
    this.#mark(given !== undefined);
  }

  #give(text) {
    const bad = this.#control.validity?.badInput;
    const found = bad ? {wrong: "must be a number"} : text === NULL ? {value: null} : read(this.#field, text);
    this.tell(found.wrong ?? "");
    this.#mark(!found.nothing);
    this.#onGive(found, text);
  }

  #giveUp() {
    this.#control.value = "";
    this.#control.disabled = false;
    if (this.#none) this.#none.checked = false;
    this.#give("");
  }

  #giveNone() {
    this.#control.disabled = this.#none.checked;
    if (this.#none.checked) this.#control.value = "";
    this.#give(this.#none.checked ? NULL : "");
  }

  #mark(changed) {
    this.root.classList.toggle("changed", changed);
    this.#reset.hidden = !changed;
  }
}

// `code` in a docstring as code.
export function prose(text) {
  return text.split("`").map((part, index) => index % 2 === 1 ? el("code", {}, part) : part);
}

function controlOf(field, id, onInput) {
  const naming = {id, name: field.path, "aria-describedby": `${id}-help ${id}-wrong`};
  return field.kind === "choice" || field.kind === "boolean" ? choice(field, {...naming, onchange: onInput}) : input(field, {...naming, oninput: onInput});
}

function input(field, attributes) {
  const whole = field.kind === "integer", range = whole ? {min: field.low, max: safe(field.high), step: 1} : {};
  const keys = field.kind === "number" ? {inputmode: "decimal"} : {};
  return el("input", {type: whole ? "number" : "text", placeholder: show(field.preset), autocomplete: "off", spellcheck: "false", ...range, ...keys, ...attributes});
}

function choice(field, attributes) {
  const choices = field.kind === "boolean" ? ["true", "false"] : field.choices;
  return el("select", attributes, el("option", {value: ""}, `${show(field.preset)} (preset)`),
    choices.map(name => el("option", {value: name}, name)),
    field.optional && field.preset !== null ? el("option", {value: NULL}, "none") : null);
}

const safe = number => Number.isSafeInteger(number) ? number : null;
