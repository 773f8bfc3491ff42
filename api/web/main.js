// The frame: which page is shown, the fleet in the head, whether epochd answers.
import {startAccount} from "/web/account.js";
import {ask, link} from "/web/api.js";
import {closeDialogs, el, empty} from "/web/dom.js";
import {page as job} from "/web/pages/job.js";
import {page as jobs} from "/web/pages/jobs.js";
import {page as slot} from "/web/pages/slot.js";
import {page as submit} from "/web/pages/submit.js";
import {page as workers} from "/web/pages/workers.js";
import {repeat} from "/web/repeat.js";
import {count} from "/web/words.js";

// Address after # -> page. A page is (parameters) => {root, enter(), leave(), title}; parameters: {id, query}.
const ROUTES = [
  [/^\/?$/, jobs],
  [/^\/jobs\/(?<id>[0-9a-z]+)$/, job],
  [/^\/slots\/(?<id>[0-9]{1,4})$/, slot],
  [/^\/submit$/, submit],
  [/^\/workers$/, workers],
];
const FLEET_MS = 5000;
const view = document.getElementById("view");
let shown = null;

addEventListener("hashchange", open);
document.querySelector(".skip").addEventListener("click", skip);
link.addEventListener("change", ({detail}) => showConnection(detail));
startAccount();
open();
repeat(FLEET_MS, showFleet);

// A page may write its own choices behind the `?` with replaceState, of which nobody hears.
function open() {
  const [path, query = ""] = location.hash.slice(1).split("?"), isFirst = shown === null;
  shown?.leave();
  closeDialogs();
  shown = find(path, new URLSearchParams(query));
  document.title = shown.title ? `${shown.title} · epochd` : "epochd";
  for (const anchor of document.querySelectorAll("nav a")) mark(anchor, path);
  view.replaceChildren(shown.root);
  scrollTo(0, 0);
  shown.enter();
  if (!isFirst) focusView();
}

// Who goes on by keyboard or listens goes on at the new page, not where the old one was.
function focusView() {
  const heading = view.querySelector("h1");
  if (heading !== null) heading.tabIndex = -1;
  (heading ?? view).focus({preventScroll: true});
}

// The address stays that of the page.
function skip(event) {
  event.preventDefault();
  view.focus();
}

function find(path, query) {
  for (const [pattern, page] of ROUTES) {
    const found = path.match(pattern);
    if (found) return page({id: found.groups?.id, query});
  }
  const root = el("div", {}, empty("There is no such page.", el("a", {href: "#/"}, "All jobs")));
  return {root, enter() {}, leave() {}, title: "Not found"};
}

function mark(anchor, path) {
  const target = anchor.getAttribute("href").slice(1);
  if (target === path || (target === "/" && (path === "" || path.startsWith("/jobs")))) anchor.setAttribute("aria-current", "page");
  else anchor.removeAttribute("aria-current");
}

async function showFleet() {
  const {workers: all} = await ask("/workers");
  const alive = all.filter(worker => worker.alive);
  const busy = alive.reduce((sum, worker) => sum + worker.busy, 0);
  document.getElementById("fleet").textContent = alive.length === 0 ? "no worker is alive" :
    `${count(alive.length, "worker")}, ${count(busy, "job")} running`;
}

function showConnection({connected, sentence}) {
  const place = document.getElementById("connection");
  place.className = connected ? "" : "lost";
  place.textContent = connected ? "" : `${sentence} Trying again.`;
}
