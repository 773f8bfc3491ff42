// The search over the fields of a form, and how many it found.
import {el} from "/web/dom.js";

// look(text) shows the fields that have it and answers their number, null while there is no form. Answers {root, again()}:
// again where another form is there to be searched.
export function fieldSearch(look) {
  const found = el("span", {class: "quiet small", role: "status"});
  const field = el("input", {type: "search", placeholder: "Search fields", "aria-label": "Search fields", oninput: () => again(), onkeydown: event => {
    if (event.key === "Enter") event.preventDefault(); // looks for fields and submits nothing
  }});
  const again = () => {
    const number = look(field.value);
    if (number === null) return; // found once the form is there
    found.textContent = field.value.trim() === "" ? "" : number === 0 ? "no field matches" : `${number} found`;
  };
  return {root: el("div", {class: "bar"}, field, found), again};
}
