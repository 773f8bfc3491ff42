// A workload's JSON Schema and a preset's values as the tree of a form. Pure: no page, no network.

// Groups that every workload has, in the order a reader looks for them; the workload's own come first.
const SHARED = ["trainer", "optimizer", "schedule", "checkpoint", "memory", "resources", "retry", "guards", "init_from"];
const BESIDE = ["workload", "preset"];

// Groups: {kind: "group", path, name, help, optional, on, members}; fields: {kind: integer | number | text | choice | boolean |
// list | json, path, name, help, preset, optional, choices, items, low, high, above, below, longest}.
// `preset` is the value that runs where nothing is given, `optional` that null may be given.
export function formOf(schema, preset) {
  const members = membersOf(schema, schema, preset, []).filter(node => !BESIDE.includes(node.name));
  const rank = node => node.kind === "group" ? 1 + SHARED.indexOf(node.name) + (SHARED.includes(node.name) ? 1 : 0) : -1;
  return members.map((node, index) => [node, index]).sort(([a, i], [b, j]) => rank(a) - rank(b) || i - j).map(([node]) => node);
}

// Every group and field, those of groups behind them.
export function* walk(nodes) {
  for (const node of nodes) {
    yield node;
    if (node.kind === "group") yield* walk(node.members);
  }
}

// "1 to 64", "above 0", "0 to below 1", "at most 200 characters"
export function limits({kind, low, high, above, below, longest}) {
  const from = low !== undefined ? print(low) : above !== undefined ? `above ${print(above)}` : "";
  const to = high !== undefined ? print(high) : below !== undefined ? `below ${print(below)}` : "";
  const range = from && to ? `${from} to ${to}` : from ? (above === undefined ? `${from} or more` : from) : to && `up to ${to}`;
  const form = {list: "separated by commas", json: "as JSON"}[kind] ?? "";
  return range || (longest === undefined ? form : `at most ${print(longest)} characters`);
}

// What a value reads like in a field: lists without brackets, null as "none".
export function show(value) {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value) && value.every(item => typeof item !== "object" || item === null)) return value.join(", ") || "none";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "none" : JSON.stringify(value);
  return value === "" ? "none" : String(value);
}

function membersOf(root, object, given, path) {
  return Object.entries(object.properties ?? {}).map(([name, property]) =>
    node(root, name, property, given, path)).filter(found => found !== null);
}

function node(root, name, property, given, above) {
  const {optional, ...found} = resolved(root, property), path = [...above, name];
  if ("const" in found) return null;
  const value = laid(found.default, isObject(given) ? given[name] : undefined);
  const common = {name, path: path.join("."), help: found.description ?? "", optional};
  if (found.properties) {
    return {...common, kind: "group", on: value !== null, members: membersOf(root, found, value, path)};
  }
  return {...common, ...bounds(found), kind: kindOf(found), choices: found.enum, items: found.items?.type, preset: value};
}

// The property with what it refers to laid beneath it, and whether null stands among its types.
function resolved(root, property) {
  const types = property.anyOf ?? property.oneOf;
  if (types !== undefined) {
    const rest = types.filter(type => type.type !== "null"), {anyOf, oneOf, ...beside} = property;
    const one = rest.length === 1 ? resolved(root, rest[0]) : {};
    return {...one, ...beside, optional: rest.length < types.length || one.optional};
  }
  if (property.$ref !== undefined) {
    const target = property.$ref.split("/").slice(1).reduce((place, key) => place[key], root), {$ref, ...beside} = property;
    return {optional: false, ...resolved(root, target), ...beside};
  }
  return {optional: false, ...property};
}

function kindOf({type, enum: choices}) {
  if (choices !== undefined) return "choice";
  if (type === "array") return "list";
  return {integer: "integer", number: "number", string: "text", boolean: "boolean"}[type] ?? "json";
}

function bounds({minimum, maximum, exclusiveMinimum, exclusiveMaximum, maxLength}) {
  return {low: minimum, high: maximum, above: exclusiveMinimum, below: exclusiveMaximum, longest: maxLength};
}

function laid(under, over) {
  if (over === undefined) return under;
  if (!isObject(under) || !isObject(over)) return over;
  const names = [...new Set([...Object.keys(under), ...Object.keys(over)])];
  return Object.fromEntries(names.map(name => [name, laid(under[name], over[name])]));
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function print(number) {
  return Math.abs(number) >= 1e9 ? number.toExponential(1).replace(".0", "").replace("+", "") : number.toLocaleString("en");
}
