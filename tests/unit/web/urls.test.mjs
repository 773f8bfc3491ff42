// Object URLs are made once, and none outlives what shows it. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {Urls} from "../../../api/web/parts/urls.js";

const turn = () => new Promise(setImmediate);

test("two that ask at once get one URL, and it goes when it is shown no more", async () => {
  const revoked = [], urls = new Urls(url => revoked.push(url));
  let made = 0;
  const make = async () => `blob:${made += 1}`;
  assert.deepEqual(await Promise.all([urls.of("a", make), urls.of("a", make)]), ["blob:1", "blob:1"]);
  assert.equal(await urls.of("b", make), "blob:2");
  urls.keep(["b"]);
  await turn();
  assert.deepEqual(revoked, ["blob:1"]);
  assert.equal(await urls.of("a", make), "blob:3");
});

test("a URL that comes after the page was left is revoked at once", async () => {
  const revoked = [], urls = new Urls(url => revoked.push(url));
  let come;
  urls.of("a", () => new Promise(resolve => {
    come = resolve;
  }));
  urls.keep([]);
  come("blob:late");
  await turn();
  assert.deepEqual(revoked, ["blob:late"]);
});

test("what failed is made anew", async () => {
  const urls = new Urls(() => {});
  await assert.rejects(urls.of("a", () => Promise.reject(new Error("gone"))), /gone/);
  assert.equal(await urls.of("a", async () => "blob:1"), "blob:1");
});
