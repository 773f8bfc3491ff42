// The form's logic without a page: schema -> fields, changes -> request, lines for a shell. Run by test_page_logic.py.
import assert from "node:assert/strict";
import test from "node:test";
import {changesOf, commandLine, curlLine, parted, placeOf, read, request, standing} from "../../../api/web/form/changes.js";
import {formOf, limits, show, walk} from "../../../api/web/form/schema.js";

const SCHEMA = {
  $defs: {
    Ema: {description: "An average.", properties: {decay: {default: 0.999, exclusiveMinimum: 0, exclusiveMaximum: 1, type: "number"}}},
    Trainer: {
      description: "The loop.",
      properties: {
        epochs: {default: 1, minimum: 1, maximum: 1000000, type: "integer", description: "Passes over the data."},
        compile: {default: false, type: "boolean"},
        precision: {default: "fp32", enum: ["fp32", "bf16"], type: "string"},
        clip: {anyOf: [{type: "number", exclusiveMinimum: 0, maximum: 10}, {type: "null"}], default: null},
        ema: {anyOf: [{$ref: "#/$defs/Ema"}, {type: "null"}], default: null},
      },
    },
    Model: {properties: {name: {const: "net", default: "net", type: "string"}, stages: {default: [1, 2], items: {type: "integer"}, type: "array"}}},
  },
  properties: {
    kind: {default: "train", enum: ["train", "eval"], type: "string"},
    workload: {const: "w", default: "w", type: "string"},
    preset: {type: "string"},
    tags: {default: [], items: {type: "string"}, type: "array"},
    trainer: {$ref: "#/$defs/Trainer", default: {epochs: 3, compile: false, precision: "fp32", clip: null, ema: null}},
    model: {$ref: "#/$defs/Model", default: {stages: [1, 2]}},
  },
};
const form = preset => formOf(SCHEMA, preset);
const byPath = nodes => new Map([...walk(nodes)].map(node => [node.path, node]));

test("the workload's own groups come before the shared ones, single fields before both", () => {
  assert.deepEqual(form({}).map(node => node.path), ["kind", "tags", "model", "trainer"]);
});

test("what cannot be chosen is no field", () => {
  assert.deepEqual([...byPath(form({})).keys()].filter(path => path.endsWith("name") || path === "workload"), []);
});

test("a field shows what runs: the preset's value, else the group's default, else its own", () => {
  const of = preset => byPath(form(preset)).get("trainer.epochs").preset;
  assert.equal(of({trainer: {epochs: 50}}), 50);
  assert.equal(of({trainer: {compile: true}}), 3);
  assert.equal(byPath(form({trainer: {ema: {}}})).get("trainer.ema.decay").preset, 0.999);
});

test("a field knows its kind, range, help and whether null may be given", () => {
  const fields = byPath(form({}));
  const {kind, low, high, help, optional} = fields.get("trainer.epochs");
  assert.deepEqual([kind, low, high, help, optional], ["integer", 1, 1000000, "Passes over the data.", false]);
  assert.deepEqual([fields.get("trainer.clip").kind, fields.get("trainer.clip").optional, fields.get("trainer.clip").high], ["number", true, 10]);
  assert.equal(fields.get("trainer.compile").kind, "boolean");
  assert.deepEqual(fields.get("trainer.precision").choices, ["fp32", "bf16"]);
  assert.deepEqual([fields.get("model.stages").kind, fields.get("model.stages").items], ["list", "integer"]);
  assert.equal(fields.get("trainer").help, "The loop.");
});

test("a group that may be null is on where the preset fills it", () => {
  const on = preset => byPath(form(preset)).get("trainer.ema").on;
  assert.deepEqual([on({}), on({trainer: {ema: {decay: 0.9}}})], [false, true]);
});

test("limits in words", () => {
  assert.equal(limits({low: 1, high: 1000000}), "1 to 1,000,000");
  assert.equal(limits({above: 0, below: 1}), "above 0 to below 1");
  assert.equal(limits({low: 0}), "0 or more");
  assert.equal(limits({above: 0}), "above 0");
  assert.equal(limits({low: 0, below: 2 ** 63}), "0 to below 9.2e18");
  assert.equal(limits({longest: 200}), "at most 200 characters");
  assert.equal(limits({low: 1, high: 1e9}), "1 to 1e9");
  assert.equal(limits({kind: "list"}), "separated by commas");
  assert.equal(limits({}), "");
});

test("values as a reader writes them", () => {
  assert.deepEqual([null, [64, 128], {}, {a: 1}, false, 0, ""].map(show), ["none", "64, 128", "none", '{"a":1}', "false", "0", "none"]);
});

test("what is typed is read as the field's type", () => {
  const fields = byPath(form({})), typed = (path, text) => read(fields.get(path), text);
  assert.deepEqual(typed("trainer.epochs", " 7 "), {value: 7});
  assert.deepEqual(typed("trainer.epochs", ""), {nothing: true});
  assert.deepEqual(typed("trainer.epochs", "7.5"), {wrong: "must be a whole number"});
  assert.deepEqual(typed("trainer.epochs", "seven"), {wrong: "must be a whole number"});
  assert.deepEqual(typed("trainer.epochs", "0"), {wrong: "must be 1 to 1,000,000"});
  assert.deepEqual(typed("trainer.clip", "1e-2"), {value: 0.01});
  assert.deepEqual(typed("trainer.clip", "0"), {wrong: "must be above 0 to 10"});
  assert.deepEqual(typed("trainer.compile", "true"), {value: true});
  assert.deepEqual(typed("model.stages", "3, 4,"), {value: [3, 4]});
  assert.deepEqual(typed("model.stages", "[3, 4]"), {value: [3, 4]});
  assert.deepEqual(typed("tags", "a, 7"), {value: ["a", "7"]});
  assert.deepEqual(read({kind: "json"}, '{"a": 1}'), {value: {a: 1}});
  assert.deepEqual(read({kind: "json"}, "{a"), {wrong: "must be JSON"});
  assert.deepEqual(read({kind: "integer"}, "9007199254740993"), {wrong: "is too large for this form"});
});

test("the request holds what was chosen and changed, and nothing else", () => {
  const changes = new Map([["trainer.ema.decay", 0.9], ["trainer.ema", {}], ["trainer.clip", null], ["name", "x"]]);
  assert.deepEqual(request({workload: "w", preset: "smoke", changes}),
    {workload: "w", preset: "smoke", trainer: {ema: {decay: 0.9}, clip: null}, name: "x"});
  assert.deepEqual(changes.get("trainer.ema"), {});
});

test("a group that was switched off takes its fields along", () => {
  assert.deepEqual(request({workload: "w", preset: "p", changes: new Map([["trainer.ema", null], ["trainer.ema.decay", 0.9]])}).trainer, {ema: null});
});

test("what stands in a group that is off by itself is neither sent nor counted, and comes back with it", () => {
  const nodes = form({}), changes = new Map([["trainer.ema.decay", 0.9], ["trainer.epochs", 2]]), drafts = new Map([["trainer.ema.decay", {}]]);
  assert.deepEqual([...standing(changes, changes, nodes).keys()], ["trainer.epochs"]);
  assert.equal(standing(drafts, changes, nodes).size, 0);
  changes.set("trainer.ema", {});
  assert.equal(standing(changes, changes, nodes).size, 3);
  assert.equal(standing(drafts, changes, nodes).size, 1);
  changes.set("trainer.ema", null);
  assert.deepEqual([...standing(changes, changes, nodes).keys()], ["trainer.epochs", "trainer.ema"]);
  changes.delete("trainer.ema");
  assert.equal(standing(changes, changes, form({trainer: {ema: {decay: 0.9}}})).size, 2);
});

test("a request of an earlier job comes back as it was sent", () => {
  const body = {workload: "w", preset: "p", tags: ["a"], trainer: {epochs: 9, ema: {decay: 0.5}, clip: null}, unknown: {x: 1}};
  assert.deepEqual(request({workload: "w", preset: "p", changes: changesOf(body, form({}))}), body);
});

test("changes that another workload has no place for are laid aside, not lost", () => {
  const [here, aside] = parted(new Map([["trainer.epochs", 2], ["data.rows", 5]]), form({}));
  assert.deepEqual([[...here], [...aside]], [[["trainer.epochs", 2]], [["data.rows", 5]]]);
});

test("a problem is shown at its field, else at what the field is in, else above all", () => {
  const known = new Set(["trainer", "trainer.epochs", "model.stages"]);
  assert.equal(placeOf("trainer.epochs", known), "trainer.epochs");
  assert.equal(placeOf("model.stages.0", known), "model.stages");
  assert.equal(placeOf("trainer.typo", known), "trainer");
  assert.equal(placeOf("preset", known), "");
});

test("the same request for a shell, quoted", () => {
  const body = {workload: "w", preset: "p", name: "it's", tags: ["a"], trainer: {epochs: 2, precision: "bf16", ema: {}}, data: {path: "12"}};
  assert.equal(commandLine(body), `epochd submit --workload w --preset p --name 'it'"'"'s' --tag a ` +
    `--set trainer.epochs=2 --set trainer.precision=bf16 --set 'trainer.ema={}' --set 'data.path="12"'`);
  assert.equal(curlLine({workload: "w"}, "http://h:1", true),
    `curl -sS -X POST http://h:1/jobs -H "Authorization: Bearer $EPOCHD_TOKEN" -H 'content-type: application/json' -d '{"workload":"w"}'`);
});
