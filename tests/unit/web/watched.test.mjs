// A job's curves and memory while the page stays open: nothing lost, nothing unbounded.
import assert from "node:assert/strict";
import test from "node:test";
import {Samples} from "../../../api/web/samples.js";
import {Watched} from "../../../api/web/watched.js";

const point = step => ({split: "train", name: "loss", attempt: 1, step, time: step, value: step});
const stretch = (first, last, stride = 1) => Array.from({length: Math.floor((last - first) / stride) + 1}, (_, index) => point(first + index * stride));
const steps = watched => watched.series.longest().map(({step}) => step);

// Answers of the service, given when the test says so.
function service() {
  const asked = [];
  return {asked, read: query => new Promise((resolve, reject) => asked.push({query, answer: points => resolve({points, next: "m1"}), reject}))};
}

async function begun(asked, points, watched) {
  const begins = watched.begin(() => {});
  asked[0].answer(points);
  await Promise.resolve();
  while (asked.length < 2) await Promise.resolve();
  asked[1].answer(points);
  assert.equal(await begins, "m1");
  asked.length = 0;
}

test("a job thinned while watched can be zoomed into", async () => {
  const {asked, read} = service(), watched = new Watched(read);
  await begun(asked, stretch(1, 1), watched);
  await watched.look(5, 10);
  assert.equal(asked.length, 0);
  for (let step = 2; step <= 30_001; step++) watched.add([point(step)]);
  assert.ok(watched.long);
  const renews = watched.renew();
  for (const {query, answer} of asked) answer("from_step" in query ? stretch(5, 10) : stretch(1, 30_001, 100));
  await renews;
  assert.ok(!watched.long);
  asked.length = 0;
  const looks = watched.look(1000, 1100);
  assert.deepEqual(asked[0].query, {max_points: 1000, from_step: 1000, to_step: 1100});
  asked[0].answer(stretch(1000, 1100));
  await looks;
  assert.deepEqual(steps(watched).filter(step => step >= 1000 && step <= 1100), stretch(1000, 1100).map(({step}) => step));
});

test("a zoom before all curves are there is made good when they are", async () => {
  const {asked, read} = service(), watched = new Watched(read);
  const begins = watched.begin(() => watched.look(5, 8));
  for (const points of [stretch(1, 6000, 10), stretch(1, 6000, 10), stretch(5, 8)]) {
    while (asked.length === 0) await new Promise(setImmediate);
    asked.shift().answer(points);
  }
  await begins;
  assert.deepEqual(steps(watched).slice(0, 6), [1, 5, 6, 7, 8, 11]);
});

test("what came in while the overview was read anew is not lost", async () => {
  const {asked, read} = service(), watched = new Watched(read, 10);
  await begun(asked, stretch(1, 20), watched);
  const renews = watched.renew();
  watched.add([point(21), point(22)]);
  watched.add([point(23)]);
  asked[0].answer([1, 11, 21].map(point));
  await renews;
  assert.deepEqual(steps(watched), [1, 11, 21, 22, 23]);
});

test("the stretch looked at stays close when the overview is read anew", async () => {
  const {asked, read} = service(), watched = new Watched(read, 10);
  await begun(asked, stretch(1, 600), watched);
  const looks = watched.look(3, 6);
  asked[0].answer(stretch(3, 6));
  await looks;
  asked.length = 0;
  const renews = watched.renew();
  assert.deepEqual(asked.map(({query}) => query.from_step), [undefined, 3]);
  asked[0].answer([1, 11, 21].map(point));
  asked[1].answer(stretch(3, 6));
  await renews;
  assert.deepEqual(steps(watched), [1, 3, 4, 5, 6, 11, 21]);
});

test("a closer look at the newest steps keeps those that came meanwhile", async () => {
  const {asked, read} = service(), watched = new Watched(read);
  await begun(asked, stretch(1, 600), watched);
  const looks = watched.look(598, 700);
  watched.add([point(601), point(602)]);
  asked[0].answer(stretch(598, 601));
  await looks;
  assert.deepEqual(steps(watched).slice(-6), [597, 598, 599, 600, 601, 602]);
});

test("a look that failed leaves all as it was", async () => {
  const {asked, read} = service(), watched = new Watched(read, 10);
  await begun(asked, stretch(1, 20), watched);
  const renews = watched.renew();
  watched.add([point(21)]);
  asked[0].reject(new Error("no answer"));
  await assert.rejects(renews, /no answer/);
  assert.deepEqual(steps(watched), stretch(1, 21).map(({step}) => step));
});

test("samples of a page left open stay bounded and keep their peak", async () => {
  const all = [], sample = second => ({step: second, time: second, attempt: 1, sample: {rss_bytes: second === 500 ? 9e9 : 1e9}});
  // An overview as the service makes it: thinned, the peak kept.
  const overview = most => {
    const stride = Math.ceil(all.length / most);
    return all.filter((one, index) => index % stride === 0 || one.sample.rss_bytes === 9e9);
  };
  const samples = new Samples(async ({max_points: most, after, limit}) => ({next: String(all.length),
    points: most === undefined ? all.slice(Number(after), Number(after) + limit) : overview(most)}));
  let longest = 0;
  for (let second = 0; second < 100_000; second++) {
    all.push(sample(second));
    if (second % 10 !== 0) continue;
    await samples.more();
    longest = Math.max(longest, samples.all.length);
  }
  assert.ok(longest < 10_000, `${longest} samples were held`);
  assert.ok(samples.all.some(one => one.sample.rss_bytes === 9e9));
  assert.equal(samples.all.at(-1).time, 99_990);
});
