// How fast a host swaps, from its counters at heartbeats. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {Traffic} from "../../../api/web/parts/traffic.js";

const at = (second, into, out) => ({id: "w", heartbeat_at: new Date(second * 1000).toISOString(),
  pressure: {swapped_in_bytes: into, swapped_out_bytes: out}});

test("two heartbeats make a rate, which holds until the next", () => {
  const traffic = new Traffic();
  assert.equal(traffic.of(at(0, 100, 100)), null);
  assert.equal(traffic.of(at(0, 100, 100)), null);
  assert.deepEqual(traffic.of(at(5, 600, 100)), {in: 100, out: 0});
  assert.deepEqual(traffic.of(at(5, 600, 100)), {in: 100, out: 0});
});

test("a host that started anew has no rate, nor one that tells no counters", () => {
  const traffic = new Traffic();
  traffic.of(at(0, 100, 100));
  assert.equal(traffic.of(at(5, 3, 3)), null);
  assert.deepEqual(traffic.of(at(10, 13, 3)), {in: 2, out: 0});
  assert.equal(traffic.of({id: "x", heartbeat_at: "2026-11-21T00:00:00Z", pressure: {}}), null);
});
