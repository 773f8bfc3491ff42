// What a chart's curves say and look like, and how its axis is zoomed. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {COLOURS, colourOf, dashOf, labelsOf} from "../../../api/web/parts/looks.js";
import {nearest, print, readingAt} from "../../../api/web/parts/reading.js";
import {closer, wider} from "../../../api/web/parts/zoom.js";

const said = (points, place) => print(readingAt(points, place), String);

test("the newest value of a curve that became NaN is not its last good one", () => {
  assert.equal(said([[0, 0.5], [4, 0.4], [8, NaN]], null), "not finite");
});

test("the value under the cursor is that of the nearest point, be it not finite or below zero", () => {
  const points = [[0, -0.5], [4, NaN], [8, 3]];
  assert.deepEqual([0, 1.9, 2.1, 5, 7, 99].map(place => said(points, place)), ["-0.5", "-0.5", "not finite", "not finite", "3", "3"]);
});

test("a gap between attempts is no value", () => {
  const points = [[0, 1], [1, 2], [1.001, null], [9, 3], [9.001, null]];
  assert.deepEqual([1.1, 4.9, 5.1, null].map(place => said(points, place)), ["2", "2", "3", "3"]);
  assert.deepEqual([nearest([[0, null]], null), nearest([[0, null]], 5), nearest([], 5)], [-1, -1, -1]);
  assert.equal(said([], null), "–");
});

test("zooming in halves around a place and stays within what there is", () => {
  assert.deepEqual(closer([0, 100], [0, 100], 50), [25, 75]);
  assert.deepEqual(closer([0, 100], [0, 100], 100), [50, 100]);
  assert.deepEqual(closer([20, 60], [0, 100], 0), [20, 40]);
  assert.deepEqual(closer([5, 5.000001], [0, 100], 5), [5, 5.000001]);
});

test("zooming out doubles within what there is, until all is shown", () => {
  assert.deepEqual(wider([40, 60], [0, 100]), [30, 70]);
  assert.deepEqual(wider([80, 100], [0, 100]), [60, 100]);
  assert.equal(wider([25, 75], [0, 100]), null);
  for (let place = 0; place <= 16; place += 0.1) assert.equal(wider(closer([0, 16.3], [0, 16.3], place), [0, 16.3]), null);
});

test("no two curves of a chart look the same, however many", () => {
  const names = Array.from({length: 15}, (_, index) => `mse.part_${index}`);
  const keys = names.flatMap(name => [`train/${name}`, `val/${name}`]);
  const looks = keys.flatMap(key => [false, true].map(faint => JSON.stringify([colourOf("mse", key, keys) % COLOURS, faint, dashOf("mse", key, keys, faint)])));
  assert.equal(new Set(looks).size, 60);
  assert.equal(dashOf("mse", keys[0], keys), undefined);
});

test("curves of the loss wear the colour of their split, components that of their name", () => {
  const loss = ["train/loss", "val/loss", "train/loss_epoch"], parts = ["train/loss_nll", "train/loss_direction"];
  assert.deepEqual(loss.map(key => colourOf("loss", key, loss)), [0, 1, 5]);
  assert.deepEqual([...labelsOf("loss", loss).values()], ["train", "val", "train, mean of the epoch"]);
  assert.deepEqual(parts.map(key => colourOf("components", key, parts)), [0, 1]);
  assert.deepEqual([...labelsOf("components", parts).values()], ["nll", "direction"]);
});

test("the parts of a metric need not say its name again", () => {
  const keys = ["val/mae", "val/mae.open", "val/mae.close"];
  assert.deepEqual([...labelsOf("mae", keys).values()], ["mae", "open", "close"]);
  assert.deepEqual([...labelsOf("mae", ["train/mae", "val/mae.open"]).values()], ["train mae", "val open"]);
});
