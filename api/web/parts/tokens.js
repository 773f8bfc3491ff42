// The dialog that asks for a token and keeps it once the service took it.
import {button, dialog, el} from "/web/dom.js";
import {keepToken} from "/web/token.js";

const HOW = "epochd token create --name me --scope submit";

// Settles when a token was kept; rejects where the user wants none.
export function tokenDialog(why) {
  return new Promise((resolve, reject) => {
    const field = el("input", {type: "password", id: "token", autocomplete: "current-password", spellcheck: "false", autofocus: true,
      "aria-describedby": "token-wrong"});
    const remember = el("input", {type: "checkbox", id: "token-remember"});
    const wrong = el("p", {class: "failed", role: "alert", id: "token-wrong"});
    let kept = false;
    const send = async close => {
      const text = field.value.trim(), refusal = await refusalOf(text);
      wrong.textContent = refusal;
      field.setAttribute("aria-invalid", String(refusal !== ""));
      if (refusal !== "") return field.focus();
      keepToken(text, remember.checked);
      kept = true;
      close();
    };
    const form = el("form", {class: "token", onsubmit: event => {
      event.preventDefault();
      send(() => box.close());
    }}, el("p", {}, asSentence(why) || "This service asks for a token."),
    el("label", {for: "token"}, "Token"), field, wrong,
    el("label", {}, remember, " Remember it in this browser"),
    el("p", {class: "quiet small"}, "Whoever runs the service makes one with ", el("code", {}, HOW),
      ", or on the server with ", el("code", {}, "python -m api.tokens create"), "; it is shown once."));
    const box = dialog("Sign in", [form], close => [button("Not now", close), button("Sign in", () => send(close), {class: "primary"})], {stays: true}); // every page waits for it
    box.addEventListener("close", () => kept ? resolve() : reject(new Error("no token was given")));
  });
}

// "" where the service takes the token, else why it does not.
async function refusalOf(text) {
  if (text === "") return "Type or paste a token.";
  if (!/^[\x21-\x7e]+$/.test(text)) return "A token has letters, digits and signs only; copy it whole, without what stands around it.";
  try {
    const answer = await fetch("/tokens/me", {headers: {Authorization: `Bearer ${text}`}});
    if (answer.ok) return "";
    return asSentence((await answer.json()).detail);
  } catch {
    return "epochd does not answer; try again in a moment.";
  }
}

const asSentence = text => text === "" ? "" : `${text[0].toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
