// What a token may not do on the page, and the buttons that are disabled for it. Pure: no page, no network.
const SCOPES = ["read", "submit", "admin"];
export const MAY = {read: "may only look", submit: "may submit, cancel and resume", admin: "may do everything"};

// "" or why the holder of `me` ({name, scope}, null while not known) may not do what needs the scope.
export function refusalFor(me, needed) {
  if (me === null || SCOPES.indexOf(me.scope) >= SCOPES.indexOf(needed)) return "";
  return `The token "${me.name}" ${MAY[me.scope]}; this needs one of scope ${needed}.`;
}

// Disables those with a `data-scope` beyond `me`, and gives back what it took once another token may do it.
export class Limits {
  #before = new WeakMap();

  apply(elements, me) {
    for (const one of elements) {
      const why = refusalFor(me, one.dataset.scope);
      if (why !== "") this.#take(one, why);
      else if (this.#before.has(one)) this.#giveBack(one);
    }
  }

  #take(one, why) {
    if (!this.#before.has(one)) this.#before.set(one, {disabled: one.disabled, title: one.title});
    one.disabled = true;
    one.title = why;
    one.setAttribute("aria-description", why);
  }

  #giveBack(one) {
    Object.assign(one, this.#before.get(one));
    one.removeAttribute("aria-description");
    this.#before.delete(one);
  }
}
