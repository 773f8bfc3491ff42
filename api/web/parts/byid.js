// The dialog that asks for the id of a job to compare with.
import {button, dialog, el} from "/web/dom.js";

// readLast(id) promises {stale, answer} as of latest.js, done(answer) hears of what was found; what was not is told in the dialog.
export function askId(readLast, done) {
  const asked = el("input", {type: "text", id: "compared", autofocus: true, spellcheck: "false"}), trouble = el("p", {class: "failed", role: "alert"});
  const form = el("form", {class: "form", id: "comparing", onsubmit: event => {
    event.preventDefault();
    find();
  }}, el("label", {for: "compared"}, "Id of the job"), asked);
  const box = dialog("Compare with another job", [form, trouble],
    close => [button("Not now", close), el("button", {form: "comparing", class: "primary"}, "Compare")]);
  const find = async () => {
    try {
      const {stale, answer} = await readLast(asked.value.trim());
      if (stale || answer === null || !box.open) return;
      box.close();
      done(answer);
    } catch (error) {
      trouble.textContent = error.message;
    }
  };
}
