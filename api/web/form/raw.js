// The request as it will be sent: as JSON, as a curl line, as a line of the command.
import {copy} from "/web/copy.js";
import {button, el} from "/web/dom.js";
import {commandLine, curlLine} from "/web/form/changes.js";
import {readToken} from "/web/token.js";

let chosen = "JSON";

export function code(body) {
  const texts = {JSON: JSON.stringify(body, null, 2), curl: curlLine(body, location.origin, readToken() !== null), epochd: commandLine(body)};
  const text = el("pre", {class: "sunk", tabindex: "0", "aria-label": "The request"}, texts[chosen]);
  const tabs = Object.keys(texts).map(name => button(name, () => {
    chosen = name;
    text.textContent = texts[name];
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.textContent === name));
  }, {class: "chip", "aria-pressed": String(name === chosen)}));
  const copying = button("Copy", () => copy(text.textContent), {class: "plain small"});
  return [el("h3", {}, "The request"), el("div", {class: "bar", role: "group", "aria-label": "The request as"}, tabs, copying), text];
}
