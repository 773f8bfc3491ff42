// Who this page is to the service: asks for a token where one is demanded, says whose it is, and disables what it may not do.
import {ask, link, whenRefused} from "/web/api.js";
import {button, el} from "/web/dom.js";
import {Limits, MAY, refusalFor} from "/web/rights.js";
import {forgetToken, readToken} from "/web/token.js";
import {tokenDialog} from "/web/parts/tokens.js";

// Says "change" when the service said whose the token is, of the first one and of each that came in its place.
export const account = new EventTarget();

const place = document.getElementById("account"), limits = new Limits();
let me = null, learning = null, declined = false;

export function startAccount() {
  whenRefused(async problem => {
    if (declined) throw problem;
    try {
      await tokenDialog(readToken() === null ? "" : problem.message); // one that was kept and is refused now
    } catch (refusal) {
      declined = true;
      show();
      throw refusal;
    }
    learn();
  });
  link.addEventListener("change", ({detail}) => detail.connected && me === null && learn());
  new MutationObserver(limit).observe(document.getElementById("view"), {childList: true, subtree: true});
  learn();
}

// "" or why this token may not do what needs the scope. Waits until the service said whose the token is.
export async function forbidden(needed) {
  await learning;
  return refusalFor(me, needed);
}

function learn() {
  learning = ask("/tokens/me").then(found => {
    me = found;
    show();
    limit();
    account.dispatchEvent(new Event("change"));
  }, () => {
    me = null; // told by whoever asked for something to show; asked again when the connection is back
  });
  return learning;
}

function limit() {
  if (me !== null) limits.apply(document.querySelectorAll("[data-scope]"), me);
}

function show() {
  if (declined || me === null) return place.replaceChildren(button("Sign in", signIn, {class: "small"}));
  if (!me.tokens_demanded) return place.replaceChildren();
  place.replaceChildren(el("span", {class: "small quiet", title: MAY[me.scope]}, `${me.name}, ${me.scope} `),
    readToken() === null ? "" : button("Sign out", signOut, {class: "small"}));
}

// All that was loaded without the token, or with it, is loaded anew.
async function signIn() {
  try {
    await tokenDialog("");
  } catch {
    return;
  }
  location.reload();
}

function signOut() {
  forgetToken();
  location.reload();
}
