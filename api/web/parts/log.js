// The end of a job's log: follows what is added, finds words, reads further back on demand.
import {ask} from "/web/api.js";
import {button, el, toast} from "/web/dom.js";
import {busy} from "/web/parts/busy.js";
import {linesOf, LogText} from "/web/parts/logtext.js";

const BACK = 65_536, LEAST = 4;

// begin(page) with the end of the log as /logs gives it, add({text, next}) with what follows.
export function logPart(path) {
  const box = el("pre", {class: "log", tabindex: "0", role: "log", "aria-label": "Log", "aria-live": "off"});
  const find = el("input", {type: "search", placeholder: "Find in the log", "aria-label": "Find in the log", oninput: () => draw()});
  const found = el("span", {class: "quiet small", role: "status"});
  const follow = button("Follow", () => setFollow(!follows()), {class: "chip", "aria-pressed": "true"});
  const earlier = button("Earlier lines", () => busy(earlier, "Earlier lines", readBack), {class: "chip", hidden: true});
  const root = el("section", {"aria-label": "Log"}, el("div", {class: "bar"}, el("h2", {}, "Log"), earlier, follow, find, found), box);
  const nothing = el("span", {}, "Nothing was printed yet."), log = new LogText();
  let drawn = new Map(), word = "";

  box.addEventListener("scroll", () => {
    if (!atEnd(box) && follows() && box.matches(":hover, :focus")) setFollow(false);
  });
  const follows = () => follow.getAttribute("aria-pressed") === "true";
  const setFollow = on => {
    follow.setAttribute("aria-pressed", String(on));
    if (on) box.scrollTop = box.scrollHeight;
  };
  // Only pieces that are new are made: a selection in the others stays.
  const draw = () => {
    const sought = find.value.trim().toLowerCase();
    if (sought !== word) drawn = new Map();
    word = sought;
    drawn = new Map(log.pieces.map(piece => [piece, drawn.get(piece) ?? drawPiece(piece, word)]));
    const shown = [...drawn.values()], lines = shown.reduce((sum, piece) => sum + piece.lines, 0);
    keep(box, shown.length === 0 ? [nothing] : shown.map(({element}) => element));
    found.textContent = word === "" ? "" : lines === 1 ? "1 line" : `${lines} lines`;
    earlier.hidden = log.from === 0;
    if (follows()) box.scrollTop = box.scrollHeight;
  };
  const readBack = async () => {
    try {
      const begin = Math.max(0, log.from - BACK), asked = log.from;
      const page = await ask(`${path}/logs?offset=${begin}&limit=${Math.max(LEAST, asked - begin)}`);
      if (log.from === asked) showBack(page);
    } catch (error) {
      toast(error.message, "failed");
    }
  };
  // What was in sight stays in sight, and the focus in the log where there is nothing earlier to read.
  const showBack = page => {
    setFollow(false);
    const {scrollTop, scrollHeight} = box, focused = document.activeElement === earlier;
    log.back(page);
    draw();
    if (focused && earlier.hidden) box.focus({preventScroll: true});
    box.scrollTop = scrollTop + box.scrollHeight - scrollHeight;
  };
  const begin = page => {
    log.begin(page);
    draw();
  };
  const add = more => {
    log.add(more);
    log.cut(!follows());
    draw();
  };
  return {root, begin, add};
}

const atEnd = box => box.scrollTop + box.clientHeight >= box.scrollHeight - 8;

// These children in this order; those that are there already are not touched.
function keep(box, children) {
  const wanted = new Set(children);
  for (const child of [...box.childNodes]) if (!wanted.has(child)) child.remove();
  let next = box.firstChild;
  for (const child of children) {
    if (child === next) next = next.nextSibling;
    else box.insertBefore(child, next);
  }
}

function drawPiece({text}, word) {
  const lines = linesOf(text, word), open = word === "" && !text.endsWith("\n");
  const parts = lines.flatMap((line, index) => lineOf(line, word, open && index === lines.length - 1 ? "" : "\n"));
  return {element: el("span", {}, parts), lines: lines.length};
}

function lineOf(line, word, end) {
  const level = line.match(/^\S+ (WARNING|ERROR|CRITICAL) /)?.[1];
  const parts = word === "" ? [`${line}${end}`] : [...marked(line, word), end];
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
