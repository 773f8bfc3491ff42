// Beside the form: what its request would run as, tried out after each change.
import {forbidden} from "/web/account.js";
import {ask} from "/web/api.js";
import {el} from "/web/dom.js";
import {accepted, refused, unreadable} from "/web/form/outlook.js";

const PAUSE_MS = 300;

// now() -> {body, view}, null while there is nothing to try. Answers {root, soon(), hush(), tell(problem, view)}: soon tries
// after a pause, of which only the newest counts; tell shows what a request was refused for, at its field or here.
export function trialPart(now) {
  const root = el("div", {"aria-live": "polite"});
  let timer = null, control = null;
  const hush = () => {
    clearTimeout(timer);
    control?.abort();
  };
  const soon = () => {
    hush();
    timer = setTimeout(tryOut, PAUSE_MS);
  };
  const tryOut = async () => {
    const why = await forbidden("submit");
    if (why !== "") return root.replaceChildren(el("p", {class: "wrong"}, why));
    const asked = now();
    if (asked === null) return;
    control?.abort();
    control = new AbortController();
    try {
      const dry = await ask("/jobs?dry_run=true", {method: "POST", json: asked.body, signal: control.signal});
      asked.view.tell([]);
      const number = asked.view.wrong();
      root.replaceChildren(...(number > 0 ? [unreadable(number)] : []), ...accepted(dry));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      tell(problem, asked.view);
    }
  };
  const tell = (problem, view) => {
    const rest = view.tell(problem.fields ?? []);
    root.replaceChildren(...refused({fields: [], ...problem, message: problem.message}, rest).filter(Boolean));
  };
  return {root, soon, hush, tell};
}
