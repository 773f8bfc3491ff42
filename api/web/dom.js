// Elements made and kept. All text is set as text, never as HTML.
import {arrange, mended} from "/web/mend.js";

const FREE = 'a[href], :is(button, input, select):not(:disabled, [aria-disabled="true"])';

// el("a", {href: "#/", onclick: go}, "text", child): attributes that are functions are listeners, false and null are left out.
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

// Leaves what did not change alone, so that a button is not replaced under the pointer. `children` makes the new ones; the
// focus goes to what has the same `data-focus`, else to the first that can be used.
export function redraw(holder, data, children) {
  const key = JSON.stringify(data);
  if (holder.dataset.key === key) return;
  holder.dataset.key = key;
  const focused = holder.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  holder.replaceChildren(...[children()].flat().filter(child => child !== null && child !== false));
  if (focused !== undefined) (holder.querySelector(`[data-focus="${CSS.escape(focused)}"]`) ?? holder.querySelector(FREE))?.focus();
}

// Rows by key. Those known stay the same elements, so that none is replaced under the pointer, the focus or the reader:
// what `row` makes anew of an item is laid over what it made before. Its listeners must not depend on the item.
export function redrawRows(holder, items, key, row) {
  const known = new Map([...holder.children].map(child => [child.dataset.row, child]));
  const rows = items.map(item => {
    const name = String(key(item)), print = JSON.stringify(item), old = known.get(name);
    if (old?.dataset.print === print) return old;
    const made = row(item);
    made.dataset.row = name;
    made.dataset.print = print;
    return mended(old, made);
  });
  arrange(holder, rows);
}

// A table that can be scrolled sideways where the screen is narrow. Rows are lists of texts or elements.
export function table(heads, rows) {
  return el("div", {class: "scroll", tabindex: "0", role: "group", "aria-label": heads.join(", ")}, el("table", {},
    el("thead", {}, el("tr", {}, heads.map(head => el("th", {scope: "col"}, head)))),
    el("tbody", {}, rows.map(row => el("tr", {}, row.map(cell => el("td", {}, cell)))))));
}

export function empty(title, ...sentences) {
  return el("div", {class: "empty"}, el("p", {class: "strong"}, title), sentences.map(text => el("p", {}, text)));
}

export function button(label, onclick, attributes = {}) {
  return el("button", {type: "button", onclick, ...attributes}, label);
}

// A button that does nothing while it is not `able`, and keeps the focus: one that is disabled throws it away.
export function buttonIf(able, label, onclick, attributes = {}) {
  return button(label, able ? onclick : () => {}, {"aria-disabled": able ? null : "true", ...attributes});
}

// A sentence at the foot of the page for some seconds; read out by screen readers.
export function toast(text, kind = "said") {
  const box = document.getElementById("toasts") ?? el("div", {id: "toasts", role: "status"}), place = topDialog() ?? document.body;
  if (box.parentElement !== place) place.append(box); // beneath an open dialog nobody sees or hears it
  const one = el("p", {class: kind}, text);
  box.append(one);
  setTimeout(() => one.remove(), 6000);
}

// dialog("Delete?", [children], close => [buttons]): a modal that gives the focus back; answers the element.
// It closes when the page it stands over is left, unless `stays`.
export function dialog(title, children, buttons, {stays = false} = {}) {
  const box = el("dialog", {"aria-label": title, "data-stays": stays}, el("h2", {}, title), ...children);
  box.append(el("div", {class: "bar end"}, ...buttons(() => box.close())));
  box.addEventListener("close", () => {
    const said = document.getElementById("toasts");
    if (box.contains(said)) document.body.append(said);
    box.remove();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

export function closeDialogs() {
  for (const box of document.querySelectorAll("dialog[open]:not([data-stays])")) box.close();
}

const topDialog = () => [...document.querySelectorAll("dialog[open]")].at(-1);
