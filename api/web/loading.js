// Tries again where a script of the page did not arrive, instead of saying "Loading." for ever.
const AGAIN_MS = 2000;

addEventListener("error", ({target}) => {
  if (!(target instanceof HTMLScriptElement)) return;
  document.getElementById("view").textContent = "The page did not arrive in full. Trying again.";
  setTimeout(() => location.reload(), AGAIN_MS);
}, true);
