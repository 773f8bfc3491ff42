// The token of this browser: in sessionStorage, in localStorage where the user ticked "remember".
const KEY = "epochd-token";

export function readToken() {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

export function keepToken(text, remember) {
  forgetToken();
  (remember ? localStorage : sessionStorage).setItem(KEY, text);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}
