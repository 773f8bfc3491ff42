// What the head of a job's page says: api/web/parts/facts.js. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {factsOf} from "../../../api/web/parts/facts.js";

const CREATED = "2026-11-21T10:00:00Z", NOW = Date.parse(CREATED);
const at = seconds => new Date(NOW + 1000 * seconds).toISOString();
const job = (attempts = []) => ({created_at: CREATED, exact: null, attempts, memory: {latest: {}, peak: {}},
  progress: {step: null, steps: null, samples_per_second: null}});
const said = (one, name, seconds) => new Map(factsOf(one, NOW + 1000 * seconds)).get(name);

test("how long ago a job was submitted goes on while nothing else changes", () => {
  assert.match(said(job(), "Submitted", 1), /\(just now\)$/);
  assert.match(said(job(), "Submitted", 3600), /\(1 h ago\)$/);
});

test("a job ran for the sum of its attempts, the one that runs until now", () => {
  const attempts = [{started_at: at(0), ended_at: at(60)}, {started_at: at(100), ended_at: null}];
  assert.equal(said(job(attempts), "Ran for", 130), "1 min 30 s");
  assert.equal(said(job(), "Ran for", 130), undefined);
});

test("a reader's clock behind the service's makes no time below zero", () => {
  assert.equal(said(job([{started_at: at(0), ended_at: null}]), "Ran for", -30), "0 s");
});
