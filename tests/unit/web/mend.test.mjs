// Which element is known again when its holder is drawn anew: api/web/mend.js.
import assert from "node:assert/strict";
import test from "node:test";
import {pairs} from "../../../api/web/mend.js";

const node = (name, row) => ({name, dataset: row === undefined ? {} : {row}});
const told = found => found.map(([old, made]) => [old?.name ?? null, made.name]);

test("what has a key is known again wherever it stands, the rest by its place", () => {
  const found = pairs([node("a", "1"), node("text"), node("b", "2")], [node("B", "2"), node("C", "3"), node("TEXT"), node("more")]);
  assert.deepEqual(told(found), [["b", "B"], [null, "C"], ["text", "TEXT"], [null, "more"]]);
});
