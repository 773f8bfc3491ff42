// What happened to a job as marks in its charts: api/web/parts/marks.js. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {drawMarks, markNear, marksOf} from "../../../api/web/parts/marks.js";

const AT = "1970-01-01T00:01:40Z";
const checkpoint = (step, best = false, state = "ready") => ({step, best, state, created_at: AT});
const JOB = {attempts: [{attempt: 1, resumed_step: null, started_at: AT, exact: null}, {attempt: 2, resumed_step: 8, started_at: AT, exact: false}]};
const RECOVERED = {type: "recovered", time: AT, data: {step: 6, cause: "cuda_out_of_memory", batch_size: 2, accumulate: 4}};

// A plot whose axis is pixels, and what was drawn on it.
function plotting() {
  const texts = [];
  const ctx = Object.fromEntries(["save", "restore", "beginPath", "moveTo", "lineTo", "stroke", "setLineDash"].map(name => [name, () => {}]));
  ctx.fillText = (text, x) => texts.push([text, x, ctx.fillStyle]);
  return {texts, plot: {ctx, bbox: {top: 0, height: 100}, scales: {x: {min: 0, max: 100}}, valToPos: x => x}};
}

test("checkpoints, the best of them, recoveries and resumes are marks at their steps and times", () => {
  const found = marksOf(JOB, [checkpoint(4), checkpoint(8, true), checkpoint(2, false, "deleted")], [RECOVERED, {type: "started", time: AT, data: {}}]);
  assert.deepEqual(found.map(({kind, step, time}) => [kind, step, time]), [["checkpoint", 4, 100], ["best", 8, 100], ["checkpoint", 2, 100],
    ["resume", 8, 100], ["recovery", 6, 100]]);
  assert.deepEqual(found.slice(1).map(({label}) => label), ["best checkpoint of step 8", "checkpoint of step 2, deleted",
    "attempt 2 from step 8, not exact", "recovered from cuda out of memory: batch size 2, accumulate 4"]);
});

test("a recovery is drawn into the chart where it happened, in the colour of failures, and read near it", () => {
  globalThis.devicePixelRatio = 1;
  const {plot, texts} = plotting(), marks = marksOf(JOB, [checkpoint(4)], [RECOVERED]).map(mark => ({...mark, x: mark.step * 10}));
  drawMarks(plot, marks, name => name);
  assert.deepEqual(texts, [["▲", 40, "quiet"], ["▶", 80, "accent"], ["◆", 60, "failed"]]);
  assert.equal(markNear(plot, marks, 63).kind, "recovery");
  assert.equal(markNear(plot, marks, 70), null);
});
