// How a job is followed: the stream, what is done where it does not come through, and what is said of it.
import assert from "node:assert/strict";
import test from "node:test";
import {ask, Problem} from "../../../api/web/api.js";
import {follow} from "../../../api/web/feed.js";
import {Service, until} from "./fakes.mjs";

const START = {event: "e1", point: "m1", offset: 1};

function begin(t) {
  t.mock.timers.enable({apis: ["setTimeout"]});
  const service = new Service(), ways = [], heard = [], place = {...START};
  const feed = follow("/jobs/a", place, {way: word => ways.push(word), event: one => heard.push(one), points: list => heard.push(...list),
    log: ({text}) => heard.push(text)});
  t.after(feed.stop);
  return {service, ways, heard, place, feed};
}

async function answerPolls(service, done = false) {
  (await service.poll("/events?after")).answer({events: [{type: "started"}], next: "e2"});
  (await service.poll("/metrics?after")).answer({points: [], next: "m1", done});
  (await service.poll("/logs?offset")).answer({text: "a line\n", next: 8, done});
}

test("live is said once something came, not before", async t => {
  const {service, ways} = begin(t), stream = await service.stream(1);
  stream.open();
  assert.deepEqual(ways, []);
  stream.send("retry: 1000\n\n");
  await until(() => ways.length > 0, "a word");
  assert.deepEqual(ways, ["live"]);
});

test("a stream that is accepted and says nothing is left for polling", async t => {
  const {service, ways, heard} = begin(t), stream = await service.stream(1);
  stream.open();
  t.mock.timers.tick(10_000);
  await answerPolls(service);
  await until(() => heard.length === 2, "what the poll found");
  assert.deepEqual(ways, ["reconnecting", "polling"]);
  assert.ok(stream.signal.aborted);
});

test("a heartbeat is a sign of life, two that stay out are a break", async t => {
  const {service, ways} = begin(t), stream = await service.stream(1);
  for (let beats = 0; beats < 3; beats++) {
    stream.send(": alive\n\n");
    await new Promise(setImmediate);
    await until(() => ways.length > 0, "a word");
    t.mock.timers.tick(30_000);
  }
  assert.deepEqual(ways, ["live"]);
  t.mock.timers.tick(5_000);
  await until(() => ways.length > 1, "another word");
  assert.equal(ways[1], "reconnecting");
});

test("while nothing answers no word of polling, and the stream again as soon as something does", async t => {
  const {service, ways} = begin(t);
  for (let drops = 1; drops <= 3; drops++) {
    (await service.stream(drops)).refuse();
    if (drops < 3) await until(() => (t.mock.timers.tick(1000), service.streams.length > drops), "another try");
  }
  for (const part of ["/events?after", "/metrics?after", "/logs?offset"]) (await service.poll(part)).fail();
  await until(() => (t.mock.timers.tick(3000), service.polls.length === 3), "another poll");
  assert.deepEqual(ways, ["reconnecting"]);
  await answerPolls(service);
  const stream = await service.stream(4);
  assert.equal(stream.from, "e2.m1.l8");
  stream.send("retry: 1000\n\n");
  await until(() => ways.length === 2, "another word");
  assert.equal(ways[1], "live");
});

test("what a poll brings after the feed was stopped is not told", async t => {
  const {service, heard, place, feed} = begin(t), stream = await service.stream(1);
  stream.open();
  t.mock.timers.tick(10_000);
  await until(() => service.polls.length === 3, "a poll");
  const late = [...service.polls];
  feed.stop();
  for (const {path, answer} of late) answer(path.includes("events") ? {events: [{}], next: "e9"} : {points: [{}], text: "late", next: "m9", done: true});
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
  assert.deepEqual([heard, place], [[], START]);
});

test("a poll that finds the job over, and nothing more, ends the feed", async t => {
  const {service, ways} = begin(t), stream = await service.stream(1);
  stream.open();
  t.mock.timers.tick(10_000);
  (await service.poll("/events?after")).answer({events: [], next: "e1"});
  (await service.poll("/metrics?after")).answer({points: [], next: "m1", done: true});
  (await service.poll("/logs?offset")).answer({text: "", next: 1, done: true});
  await until(() => ways.includes("ended"), "the end");
});

test("a job resumed and ended between two looks is heard on from where the feed stands", async t => {
  const {service, ways, feed, heard} = begin(t), stream = await service.stream(1);
  feed.see(1, false);
  stream.tell("e5.m6.l7", "end", {status: "succeeded"});
  await until(() => ways.includes("ended"), "the end");
  feed.see(1, true);
  assert.equal(service.streams.length, 1);
  feed.see(2, true);
  const next = await service.stream(2);
  assert.equal(next.from, "e5.m6.l7");
  next.tell("e6.m6.l9", "log", {text: "again\n", next: 9});
  await until(() => heard.length === 1, "a line");
  assert.deepEqual([heard, ways], [["again\n"], ["live", "ended", "live"]]);
});

test("a feed that is over begins again where the job is under way", async t => {
  const {service, ways, feed} = begin(t), stream = await service.stream(1);
  feed.see(1, true);
  stream.tell("e5.m6.l7", "end", {status: "succeeded"});
  await until(() => ways.includes("ended"), "the end");
  feed.see(1, false);
  assert.equal((await service.stream(2)).from, "e5.m6.l7");
});

test("what only reads has a time limit, what writes has none", async t => {
  const limits = t.mock.method(AbortSignal, "timeout", () => AbortSignal.abort(new DOMException("late", "TimeoutError")));
  globalThis.fetch = (_, {signal}) => signal.aborted ? Promise.reject(signal.reason) : Promise.resolve(Response.json({}));
  await assert.rejects(ask("/jobs"), error => error instanceof Problem && error.status === 0);
  await ask("/jobs", {method: "POST", json: {}});
  assert.equal(limits.mock.callCount(), 1);
});

test("a fault of who hears is reported, and what comes behind it is heard", async t => {
  t.mock.timers.enable({apis: ["setTimeout"]});
  const service = new Service(), ways = [], heard = [], reported = [];
  globalThis.reportError = error => reported.push(error.message);
  t.after(() => delete globalThis.reportError);
  const hear = {way: word => ways.push(word), points: list => heard.push(...list), log: () => {}, event: () => {
    throw new Error("cannot draw this");
  }};
  t.after(follow("/jobs/a", {...START}, hear).stop);
  const stream = await service.stream(1);
  stream.tell("e2.m1.l1", "event", {type: "started"});
  stream.tell("e2.m2.l1", "metrics", {points: [1]});
  await until(() => heard.length > 0, "what came behind");
  assert.deepEqual([ways, heard, reported, stream.signal.aborted], [["live"], [1], ["cannot draw this"], false]);
});

test("a stream that cannot be read is broken off", async t => {
  const {service, ways} = begin(t), stream = await service.stream(1);
  stream.send("data: {no JSON\n\n");
  await until(() => ways.includes("reconnecting"), "the break");
  assert.ok(stream.signal.aborted);
});
