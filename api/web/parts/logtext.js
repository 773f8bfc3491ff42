// What the page holds of a log: pieces of text that know their bytes, bounded at the front. Pure: no page, no service.

const KEPT = 400_000, MOST = 4_000_000, MERGED = 65_536;
const bytes = text => new TextEncoder().encode(text).length;

export class LogText {
  // [{from, text}] without a hole, oldest first; a piece is never changed, only replaced.
  pieces = [];
  next = 0;

  // The byte that the oldest piece begins at.
  get from() {
    return this.pieces[0]?.from ?? this.next;
  }

  // A page as /logs gives it instead of all that was known.
  begin(page) {
    this.pieces = page.text === "" ? [] : [{from: page.offset, text: page.text}];
    this.next = page.next;
  }

  // What was printed since. Half a line at the end is taken together with its rest.
  add({text, next}) {
    const last = this.pieces.at(-1);
    if (last === undefined || last.text.endsWith("\n") || last.text.length > MERGED) this.pieces.push({from: this.next, text});
    else this.pieces[this.pieces.length - 1] = {from: last.from, text: last.text + text};
    this.next = next;
  }

  // The oldest pieces go, but not while somebody reads them (until they are far too many).
  cut(reading) {
    const kept = reading ? MOST : KEPT;
    let total = this.pieces.reduce((sum, {text}) => sum + text.length, 0), gone = 0;
    while (total - this.pieces[gone]?.text.length >= kept) {
      total -= this.pieces[gone].text.length;
      gone += 1;
    }
    this.pieces.splice(0, gone);
  }

  // A page that ends where the oldest piece begins, or a little behind it.
  back(page) {
    const before = new TextEncoder().encode(page.text).subarray(0, Math.max(0, this.from - page.offset));
    const text = page.next > this.from ? new TextDecoder().decode(before) : page.text;
    if (text === "") return;
    const first = text.endsWith("\n") ? "" : this.pieces.shift()?.text ?? "";
    this.pieces.unshift(fromLine({offset: page.offset, text: text + first}));
  }
}

// What begins in the midst of a line begins with the next one, unless that leaves nothing or its bytes cannot be counted.
function fromLine({offset, text}) {
  const begin = offset === 0 ? 0 : text.indexOf("\n") + 1, half = text.slice(0, begin);
  if (begin === text.length || half.includes("\uFFFD")) return {from: offset, text};
  return {from: offset + bytes(half), text: text.slice(begin)};
}

// The lines of a piece that hold the word, all where it is "". What a progress bar wrote over itself is left out, as a
// terminal would.
export function linesOf(text, word) {
  const lines = text.split("\n").map(written);
  if (lines.at(-1) === "") lines.pop();
  return word === "" ? lines : lines.filter(line => line.toLowerCase().includes(word));
}

// What stands behind the last \r, but for one that ends the line.
const written = line => line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
