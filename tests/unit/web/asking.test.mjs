// Work that takes a while: a busy button, and answers that come out of order. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {agree} from "../../../api/web/parts/agree.js";
import {busy} from "../../../api/web/parts/busy.js";
import {latest} from "../../../api/web/parts/latest.js";

function later() {
  const one = {};
  one.promise = new Promise((resolve, reject) => Object.assign(one, {resolve, reject}));
  return one;
}

test("a button says what it does until it is done, and does it once", async () => {
  const button = {textContent: "Download", ariaBusy: null}, work = later();
  let begun = 0;
  const press = () => busy(button, "Downloading", () => {
    begun += 1;
    return work.promise;
  });
  const first = press();
  await press();
  assert.deepEqual([button.textContent, button.ariaBusy, begun], ["Downloading", "true", 1]);
  work.resolve();
  await first;
  assert.deepEqual([button.textContent, button.ariaBusy], ["Download", "false"]);
});

test("a button is free again after its work failed", async () => {
  const button = {textContent: "Download", ariaBusy: null};
  await assert.rejects(busy(button, "Downloading", () => Promise.reject(new Error("gone"))), /gone/);
  assert.deepEqual([button.textContent, button.ariaBusy], ["Download", "false"]);
});

test("the answer to the last question counts, though an earlier one comes later", async () => {
  const questions = {long: later(), short: later()};
  const ask = latest(name => questions[name].promise);
  const [long, short] = [ask("long"), ask("short")];
  questions.short.resolve(2);
  questions.long.resolve(1);
  assert.deepEqual([await long, await short], [{stale: true}, {stale: false, answer: 2}]);
});

test("the failure of an earlier question is not told, that of the last one is", async () => {
  const asked = [later(), later()];
  const ask = latest(index => asked[index].promise);
  const [first, last] = [ask(0), ask(1)];
  asked[0].reject(new Error("first"));
  asked[1].reject(new Error("last"));
  assert.deepEqual(await first, {stale: true});
  await assert.rejects(last, /last/);
});

function asked() {
  const dialog = {pressed: {textContent: "Delete", ariaBusy: null}, trouble: {textContent: ""}, box: {open: true}}, said = [], work = later();
  dialog.box.close = () => Object.assign(dialog.box, {open: false});
  const press = () => agree(dialog, () => {
    said.push("asked");
    return work.promise;
  }, {done: () => said.push("done"), missed: error => said.push(error.message)});
  return {...dialog, said, work, press};
}

test("what is agreed to twice is asked once, and closes its dialog", async () => {
  const {box, said, work, press} = asked(), first = press();
  await press();
  work.resolve();
  await first;
  assert.deepEqual([said, box.open], [["asked", "done"], false]);
});

test("a failure stands in the dialog, which stays for another try", async () => {
  const {box, trouble, pressed, said, work, press} = asked(), first = press();
  work.reject(new Error("It still runs."));
  await first;
  assert.deepEqual([trouble.textContent, box.open, pressed.ariaBusy, said], ["It still runs.", true, "false", ["asked"]]);
});

test("a failure that comes after the dialog was closed is told elsewhere", async () => {
  const {box, said, work, press} = asked(), first = press();
  box.close();
  work.reject(new Error("It still runs."));
  await first;
  assert.deepEqual(said, ["asked", "It still runs."]);
});
