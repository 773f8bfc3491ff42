// Which charts of a job are open before its first point, and once its best metric is known. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {Opened} from "../../../api/web/parts/opened.js";

test("charts open and close before there is any point", () => {
  const open = new Opened();
  open.toggle("memory");
  open.toggle("pressure");
  assert.deepEqual(["loss", "memory", "pressure", "mse"].map(title => open.has(title)), [true, false, true, false]);
});

test("the metric watched for opens once it is known, unless the user chose otherwise", () => {
  const open = new Opened();
  open.watch("val/mse.open");
  assert.ok(open.has("mse"));
  open.toggle("mse");
  open.watch("val/mse.open");
  assert.ok(!open.has("mse"));
});
