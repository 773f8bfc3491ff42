// The end of a job's log: follows what is added, finds words, reads further back on demand.
import {ask} from "/web/api.js";
import {button, el, toast} from "/web/dom.js";
import {busy} from "/web/parts/busy.js";
import {linesOf, LogText} from "/web/parts/logtext.js";

const BACK = 65_536, LEAST = 4;

export class LogPart {
  #path;
  #log = new LogText();
  #drawn = new Map(); // piece -> {element, lines}
  #word = "";
  #box = el("pre", {class: "log", tabindex: "0", role: "log", "aria-label": "Log", "aria-live": "off", onscroll: () => this.#scrolled()});
  #find = el("input", {type: "search", placeholder: "Find in the log", "aria-label": "Find in the log", oninput: () => this.#draw()});
  #found = el("span", {class: "quiet small", role: "status"});
  #follow = button("Follow", () => this.#setFollow(!this.#follows), {class: "chip", "aria-pressed": "true"});
  #earlier = button("Earlier lines", () => busy(this.#earlier, "Earlier lines", () => this.#readBack()), {class: "chip", hidden: true});
  #nothing = el("span", {}, "Nothing was printed yet.");

  constructor(path) {
    this.#path = path;
    this.root = el("section", {"aria-label": "Log"},
      el("div", {class: "bar"}, el("h2", {}, "Log"), this.#earlier, this.#follow, this.#find, this.#found), this.#box);
  }

  // The end of the log as /logs gives it.
  begin(page) {
    this.#log.begin(page);
    this.#draw();
  }

  // {text, next} of what follows.
  add(more) {
    this.#log.add(more);
    this.#log.cut(!this.#follows);
    this.#draw();
  }

  get #follows() {
    return this.#follow.getAttribute("aria-pressed") === "true";
  }

  #setFollow(on) {
    this.#follow.setAttribute("aria-pressed", String(on));
    if (on) this.#box.scrollTop = this.#box.scrollHeight;
  }

  #scrolled() {
    if (!atEnd(this.#box) && this.#follows && this.#box.matches(":hover, :focus")) this.#setFollow(false);
  }

  // Only pieces that are new are made: a selection in the others stays.
  #draw() {
    const word = this.#find.value.trim().toLowerCase(), known = word === this.#word ? this.#drawn : new Map();
    this.#word = word;
    this.#drawn = new Map(this.#log.pieces.map(piece => [piece, known.get(piece) ?? drawPiece(piece, word)]));
    const shown = [...this.#drawn.values()], lines = shown.reduce((sum, piece) => sum + piece.lines, 0);
    keep(this.#box, shown.length === 0 ? [this.#nothing] : shown.map(({element}) => element));
    this.#found.textContent = word === "" ? "" : lines === 1 ? "1 line" : `${lines} lines`;
    this.#earlier.hidden = this.#log.from === 0;
    if (this.#follows) this.#box.scrollTop = this.#box.scrollHeight;
  }

  async #readBack() {
    try {
      const asked = this.#log.from, begin = Math.max(0, asked - BACK);
      const page = await ask(`${this.#path}/logs?offset=${begin}&limit=${Math.max(LEAST, asked - begin)}`);
      if (this.#log.from === asked) this.#showBack(page);
    } catch (error) {
      toast(error.message, "failed");
    }
  }

  // What was in sight stays in sight, and the focus in the log where there is nothing earlier to read.
  #showBack(page) {
    this.#setFollow(false);
    const {scrollTop, scrollHeight} = this.#box, focused = document.activeElement === this.#earlier;
    this.#log.back(page);
    this.#draw();
    if (focused && this.#earlier.hidden) this.#box.focus({preventScroll: true});
    this.#box.scrollTop = scrollTop + this.#box.scrollHeight - scrollHeight;
  }
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
