// What the page knows of a job's curves: api/web/series.js.
import assert from "node:assert/strict";
import test from "node:test";

import {charts, gapped, placer, Series, spread, stepAt} from "../../../api/web/series.js";

const point = (step, value, attempt = 1, split = "train", name = "loss") => ({step, value, attempt, split, name, time: 100 + step});
const steps = (series, key = "train/loss") => series.curves.get(key).map(({step, value}) => [step, value]);

test("a later attempt replaces what an earlier one said of a step and behind it", () => {
  const series = new Series();
  series.add([1, 2, 3, 4].map(step => point(step, step)));
  series.add([point(3, 30, 2)]);
  assert.deepEqual(steps(series), [[1, 1], [2, 2], [3, 30]]);
});

test("a resume voids the points behind its step, also of curves that say nothing new yet", () => {
  const series = new Series();
  series.add([...[2, 4, 6].map(step => point(step, 1, 1, "val")), point(5, 1)]);
  series.rewind(4, 2);
  assert.deepEqual(steps(series, "val/loss"), [[2, 1], [4, 1]]);
  assert.deepEqual(steps(series), []);
});

test("a point said twice stands once", () => {
  const series = new Series();
  series.add([point(1, 1), point(2, 2)]);
  series.add([point(1, 1), point(2, 2)]);
  assert.deepEqual(steps(series), [[1, 1], [2, 2]]);
});

test("a closer look takes the place of the coarse points of its steps alone", () => {
  const series = new Series();
  series.add([10, 20, 30, 40].map(step => point(step, step)));
  series.refine([18, 19, 20, 21].map(step => point(step, -step)), 18, 30);
  assert.deepEqual(steps(series).map(([step]) => step), [10, 18, 19, 20, 21, 40]);
});

test("the loss comes first, metrics by name with their parts, what tells of the run last", () => {
  const found = charts(["train/lr", "val/mse.open", "val/mse", "train/loss", "val/loss", "train/loss_nll", "train/loss_nll_weighted"]);
  assert.deepEqual([...found.keys()], ["loss", "components", "mse", "learning rate", "weighted components"]);
  assert.deepEqual(found.get("loss"), ["train/loss", "val/loss"]);
  assert.deepEqual(found.get("mse"), ["val/mse", "val/mse.open"]);
});

test("a place of each axis leads back to its step", () => {
  const scale = {stepsPerEpoch: 10, origin: 100}, curve = [point(5, 1), point(15, 1), point(25, 1)];
  for (const axis of ["step", "epoch", "time"]) assert.equal(stepAt(axis, placer(axis, scale)(curve[1]), scale, curve), 15);
});

test("samples of one step are spread until the next, and those that a rewind left behind are dropped", () => {
  const sample = (step, time, attempt = 1) => ({step, time, attempt, sample: {}});
  const placed = spread([sample(0, 0), sample(0, 5), sample(1, 10), sample(9, 20), sample(1, 30, 2), sample(2, 40, 2)]);
  assert.deepEqual(placed.map(({step}) => Number(step.toFixed(2))), [0, 0.5, 1, 1.67, 2]);
});

test("time between attempts is a gap, not a line", () => {
  const found = gapped([point(1, 5), point(2, 6), point(3, 7, 2)], ({step}) => step, ({value}) => value);
  assert.deepEqual(found.map(([, value]) => value), [5, 6, null, 7]);
});
