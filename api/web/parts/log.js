// The end of a job's log: follows what is added, finds words, reads further back on demand.
import {ask} from "/web/api.js";
import {button, el} from "/web/dom.js";

const KEPT = 400_000, BACK = 65_536, TAIL = 400;

export function logPart(path) {
  const box = el("pre", {class: "log", tabindex: "0", role: "log", "aria-label": "Log", "aria-live": "off"});
  const find = el("input", {type: "search", placeholder: "Find in the log", "aria-label": "Find in the log", oninput: () => draw()});
  const found = el("span", {class: "quiet small", role: "status"});
  const follow = button("Follow", () => setFollow(follow.getAttribute("aria-pressed") !== "true"), {class: "chip", "aria-pressed": "true"});
  const earlier = button("Earlier lines", () => readBack(), {class: "chip", hidden: true});
  const root = el("section", {"aria-label": "Log"}, el("div", {class: "bar"}, el("h2", {}, "Log"), earlier, follow, find, found), box);
  let text = "", from = 0;

  box.addEventListener("scroll", () => {
    if (!atEnd(box) && follow.getAttribute("aria-pressed") === "true" && box.matches(":hover, :focus")) setFollow(false);
  });
  const setFollow = on => {
    follow.setAttribute("aria-pressed", String(on));
    if (on) box.scrollTop = box.scrollHeight;
  };
  const draw = () => {
    const word = find.value.trim().toLowerCase(), lines = clean(text).split("\n");
    const shown = word === "" ? lines : lines.filter(line => line.toLowerCase().includes(word));
    found.textContent = word === "" ? "" : shown.length === 1 ? "1 line" : `${shown.length} lines`;
    box.replaceChildren(...(text === "" ? ["Nothing was printed yet."] : shown.map(line => lineOf(line, word))));
    earlier.hidden = from === 0;
    if (follow.getAttribute("aria-pressed") === "true") box.scrollTop = box.scrollHeight;
  };
  const readBack = async () => {
    const begin = Math.max(0, from - BACK), page = await ask(`${path}/logs?offset=${begin}&limit=${Math.max(4, from - begin)}`);
    text = page.text + text;
    from = page.offset;
    setFollow(false);
    draw();
  };
  // The byte to go on from.
  const start = async () => {
    const page = await ask(`${path}/logs?tail=${TAIL}`);
    [text, from] = [page.text, page.offset];
    draw();
    return page.next;
  };
  const add = more => {
    text = (text + more).slice(-KEPT);
    draw();
  };
  return {root, start, add};
}

const atEnd = box => box.scrollTop + box.clientHeight >= box.scrollHeight - 8;

// What a progress bar wrote over itself is left out, as a terminal would.
const clean = text => text.replace(/[^\n]*\r(?!\n)/g, "");

function lineOf(line, word) {
  const level = line.match(/^\S+ (WARNING|ERROR|CRITICAL) /)?.[1];
  const parts = word === "" ? [`${line}\n`] : [...marked(line, word), "\n"];
  return level === undefined && word === "" ? parts[0] : el("span", {class: level === undefined ? "" : level.toLowerCase()}, parts);
}

function* marked(line, word) {
  const lower = line.toLowerCase();
  for (let from = 0; ;) {
    const at = lower.indexOf(word, from);
    if (at < 0) return yield line.slice(from);
    yield line.slice(from, at);
    yield el("mark", {}, line.slice(at, at + word.length));
    from = at + word.length;
  }
}
