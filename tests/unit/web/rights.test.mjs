// What a token may not do on the page: api/web/rights.js.
import assert from "node:assert/strict";
import test from "node:test";
import {Limits, refusalFor} from "../../../api/web/rights.js";

const me = scope => ({name: "guest", scope});

function button(scope, {disabled = false, title = ""} = {}) {
  const attributes = {};
  return {dataset: {scope}, disabled, title, attributes, setAttribute(name, value) {
    attributes[name] = value;
  }, removeAttribute(name) {
    delete attributes[name];
  }};
}

test("a scope allows what lesser ones allow, and a token not known yet is refused nothing", () => {
  assert.equal(refusalFor(me("submit"), "submit"), "");
  assert.equal(refusalFor(null, "admin"), "");
  assert.equal(refusalFor(me("read"), "submit"), 'The token "guest" may only look; this needs one of scope submit.');
});

test("a stronger token lifts what a weaker one was refused, and nothing else", () => {
  const limits = new Limits(), plain = button("submit"), stopping = button("submit", {disabled: true, title: "It stops."}), highest = button("admin");
  limits.apply([plain, stopping, highest], me("read"));
  limits.apply([plain, stopping, highest], me("read"));
  assert.deepEqual([plain.disabled, stopping.disabled, highest.disabled], [true, true, true]);
  assert.match(plain.attributes["aria-description"], /scope submit/);
  limits.apply([plain, stopping, highest], me("submit"));
  assert.deepEqual([plain.disabled, plain.title, plain.attributes], [false, "", {}]);
  assert.deepEqual([stopping.disabled, stopping.title], [true, "It stops."]);
  assert.deepEqual([highest.disabled, highest.title], [true, 'The token "guest" may submit, cancel and resume; this needs one of scope admin.']);
});
