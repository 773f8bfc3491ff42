// Which workload the submit form is of: api/web/form/choice.js.
import assert from "node:assert/strict";
import test from "node:test";
import {Choice} from "../../../api/web/form/choice.js";

// A reader whose answers come when the test says so.
function held() {
  const asked = new Map();
  const read = name => new Promise((answer, refuse) => asked.set(name, {answer: () => answer({name}), refuse: () => refuse(new Error(name))}));
  return {choice: new Choice(read), asked};
}

test("nothing is settled while a choice is on its way", async () => {
  const {choice, asked} = held();
  assert.equal(choice.settled, false);
  const a = choice.take("a");
  asked.get("a").answer();
  assert.deepEqual([await a, choice.shown.name, choice.settled], [true, "a", true]);
  choice.take("b");
  assert.deepEqual([choice.shown.name, choice.settled], ["a", false]);
});

test("of two choices the newest is shown, whichever answer comes last", async () => {
  const {choice, asked} = held(), slow = choice.take("slow"), quick = choice.take("quick");
  asked.get("quick").answer();
  assert.equal(await quick, true);
  asked.get("slow").answer();
  assert.deepEqual([await slow, choice.shown.name, choice.settled], [false, "quick", true]);
});

test("a choice that fails leaves what was shown, unless a newer one was made", async () => {
  const {choice, asked} = held(), a = choice.take("a");
  asked.get("a").answer();
  await a;
  const failing = choice.take("b");
  asked.get("b").refuse();
  await assert.rejects(failing, /b/);
  assert.deepEqual([choice.shown.name, choice.settled], ["a", true]);
  const overtaken = choice.take("c");
  choice.take("d");
  asked.get("c").refuse();
  assert.deepEqual([await overtaken, choice.settled], [false, false]);
});

test("an answer that comes after the form was left changes nothing", async () => {
  const {choice, asked} = held(), a = choice.take("a");
  choice.drop();
  asked.get("a").answer();
  assert.deepEqual([await a, choice.shown, choice.settled], [false, null, false]);
});
