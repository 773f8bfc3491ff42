// Text to the clipboard; where the browser allows none, as over plain http, marked in a dialog to be copied by hand.
import {button, dialog, el, toast} from "/web/dom.js";

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    offer(text);
  }
}

function offer(text) {
  const shown = el("pre", {class: "sunk", tabindex: "0", "aria-label": "The text"}, text);
  dialog("Copy", [el("p", {}, "This browser lets the page copy nothing here. The text is marked: copy it with the keyboard or its menu."), shown],
    close => [button("Close", close)]);
  shown.focus();
  getSelection().selectAllChildren(shown);
}
