// What the page holds of a log, held against the file it came from.
import assert from "node:assert/strict";
import test from "node:test";
import {linesOf, LogText} from "../../../api/web/parts/logtext.js";

const bytes = text => new TextEncoder().encode(text);
const line = number => `2026-11-21 INFO step ${number}: größer als zuvor, ${"x".repeat(40)}\n`;
const held = log => log.pieces.map(({text}) => text).join("");

// The service's answer for a stretch of the file, as /logs gives it.
function page(file, offset, limit) {
  let [first, last] = [offset, Math.min(file.length, offset + limit)];
  const inside = at => (file[at] & 0xC0) === 0x80;
  while (first < last && inside(first)) first += 1;
  while (last > first && last < file.length && inside(last)) last -= 1;
  return {offset: first, next: last, text: new TextDecoder().decode(file.subarray(first, last))};
}

const back = (log, file) => {
  const begin = Math.max(0, log.from - 65_536);
  log.back(page(file, begin, Math.max(4, log.from - begin)));
};

test("what was cut at the front is read back without a hole", () => {
  const log = new LogText();
  log.begin({text: "", offset: 0, next: 0});
  const lines = Array.from({length: 10_000}, (_, number) => line(number)), text = lines.join(""), file = bytes(text);
  for (const one of lines) {
    log.add({text: one, next: log.next + bytes(one).length});
    log.cut(false);
  }
  assert.ok(held(log).length < 410_000 && log.from > 0);
  assert.equal(held(log), new TextDecoder().decode(file.subarray(log.from)));
  for (let reads = 0; log.from > 0; reads++) {
    assert.ok(reads < 100);
    back(log, file);
    assert.equal(held(log), new TextDecoder().decode(file.subarray(log.from)));
  }
  assert.equal(held(log), text);
});

test("what was read back stays while somebody reads it", () => {
  const lines = Array.from({length: 10_000}, (_, number) => line(number)), file = bytes(lines.join("")), log = new LogText();
  log.begin(page(file, bytes(lines.slice(0, 4000).join("")).length, file.length));
  back(log, file);
  const from = log.from;
  log.add({text: "new\n", next: file.length + 4});
  log.cut(true);
  assert.equal(log.from, from);
  log.cut(false);
  assert.ok(log.from > from);
});

test("pieces begin with a line, and half a line is joined by its rest", () => {
  const text = "first\nsecond ä\nthird\nfourth\n", file = bytes(text), log = new LogText();
  log.begin(page(file, 19, 4));
  log.add({text: "ourth\n", next: file.length});
  back(log, file);
  assert.deepEqual(log.pieces, [{from: 0, text}]);
});

test("a page that reaches behind the oldest piece says nothing twice", () => {
  const file = bytes("a\nbcd\n"), log = new LogText();
  log.begin(page(file, 2, 100));
  log.back(page(file, 0, 4));
  assert.equal(held(log), "a\nbcd\n");
});

test("a piece that stays the same stays the same object", () => {
  const log = new LogText();
  log.begin({text: "a\n", offset: 0, next: 2});
  const [first] = log.pieces;
  log.add({text: "b\n", next: 4});
  assert.equal(log.pieces[0], first);
});

test("lines as a terminal shows them, those with the word alone", () => {
  assert.deepEqual(linesOf("10 %\r20 %\rdone\nnext\r\n", ""), ["done", "next\r"]);
  assert.deepEqual(linesOf("a\n\nb\r\n10 %\r20 %\r", ""), ["a", "", "b\r", "20 %\r"]);
  assert.deepEqual(linesOf("One\nnone\ntwo\n", "one"), ["One", "none"]);
});

test("a long line is read at once", () => {
  const long = "x".repeat(200_000), begun = performance.now();
  assert.deepEqual(linesOf(`${long}\n${long}`, ""), [long, long]);
  assert.ok(performance.now() - begun < 1000);
});
