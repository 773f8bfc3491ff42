// What a user changed: a Map of dotted path -> value, and the request made of it. Pure: no page, no network.
import {limits, walk} from "./schema.js";

// {value}, {nothing: true} for an empty field, or {wrong: sentence}.
export function read(field, text) {
  const trimmed = text.trim();
  if (trimmed === "") return {nothing: true};
  if (field.kind === "integer" || field.kind === "number") return readNumber(field, trimmed);
  if (field.kind === "list") return {value: readList(field, trimmed)};
  if (field.kind === "json") return readJson(trimmed);
  if (field.longest !== undefined && trimmed.length > field.longest) return {wrong: `must be ${limits(field)}`};
  return {value: field.kind === "boolean" ? trimmed === "true" : trimmed};
}

// The body of POST /jobs: only what was chosen or changed.
export function request({workload, preset, changes}) {
  const body = {workload, preset};
  const paths = [...changes.keys()].sort((a, b) => depth(a) - depth(b));
  for (const path of paths) lay(body, path.split("."), changes.get(path));
  return body;
}

// The changes a request of an earlier job makes; what the form does not know stays as it is.
export function changesOf(body, nodes) {
  const changes = new Map(), {workload, preset, ...rest} = body;
  take(rest, "", new Map([...walk(nodes)].map(node => [node.path, node])), changes);
  return changes;
}

// [those changes that a form, such as of another workload, has a place for, those laid aside until one has again].
export function parted(changes, nodes) {
  const known = new Set([...walk(nodes)].map(node => node.path));
  const of = wanted => new Map([...changes].filter(([path]) => known.has(path) === wanted));
  return [of(true), of(false)];
}

// Those entries of a Map by path that count: nothing beneath a group that is switched off does.
export function standing(entries, changes, nodes) {
  const off = [...walk(nodes)].filter(node => node.kind === "group" && !isOn(node, changes)).map(({path}) => `${path}.`);
  return new Map([...entries].filter(([path]) => !off.some(above => path.startsWith(above))));
}

// Whether a group is switched on: by what was changed, else by the preset.
export function isOn({path, optional, on}, changes) {
  return !optional || (changes.has(path) ? changes.get(path) !== null : on);
}

// The path of the field or group that a problem is shown at: the field itself, what it is in, or "" for the whole.
export function placeOf(path, known) {
  for (let place = path; place !== ""; place = place.split(".").slice(0, -1).join(".")) {
    if (known.has(place)) return place;
  }
  return "";
}

export function curlLine(body, origin, withToken) {
  const token = withToken ? ' -H "Authorization: Bearer $EPOCHD_TOKEN"' : "";
  return `curl -sS -X POST ${origin}/jobs${token} -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`;
}

export function commandLine(body) {
  const {workload, preset, name, tags, priority, ...rest} = body;
  const words = ["epochd submit", `--workload ${quoted(workload)}`];
  if (preset) words.push(`--preset ${quoted(preset)}`);
  if (typeof name === "string") words.push(`--name ${quoted(name)}`);
  if (Array.isArray(tags)) words.push(...tags.map(tag => `--tag ${quoted(tag)}`));
  if (priority !== undefined) words.push(`--priority ${priority}`);
  return [...words, ...settings(rest, "").map(([path, value]) => `--set ${quoted(`${path}=${settingText(value)}`)}`)].join(" ");
}

function readNumber(field, text) {
  const value = Number(text), whole = field.kind === "integer";
  if (!Number.isFinite(value)) return {wrong: `must be a ${whole ? "whole number" : "number"}`};
  if (whole && !Number.isSafeInteger(value)) return {wrong: Number.isInteger(value) ? "is too large for this form" : "must be a whole number"};
  const outside = value < field.low || value > field.high || value <= field.above || value >= field.below;
  return outside ? {wrong: `must be ${limits(field)}`} : {value};
}

function readList(field, text) {
  if (text.startsWith("[")) {
    const {value} = readJson(text);
    if (Array.isArray(value)) return value;
  }
  const items = text.split(",").map(item => item.trim()).filter(item => item !== "");
  return field.items === "string" ? items : items.map(item => readJson(item).value ?? item);
}

function readJson(text) {
  try {
    return {value: JSON.parse(text)};
  } catch {
    return {wrong: "must be JSON"};
  }
}

function lay(body, [first, ...rest], value) {
  if (rest.length === 0) {
    body[first] = typeof value === "object" && value !== null && !Array.isArray(value) ? {...value} : value;
    return;
  }
  if (body[first] === null) return;
  body[first] ??= {};
  lay(body[first], rest, value);
}

function take(values, above, known, changes) {
  for (const [name, value] of Object.entries(values)) {
    const path = above === "" ? name : `${above}.${name}`, node = known.get(path);
    if (node?.kind !== "group" || value === null) changes.set(path, value);
    else {
      if (node.optional) changes.set(path, {});
      take(value, path, known, changes);
    }
  }
}

function settings(values, above) {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = above === "" ? name : `${above}.${name}`;
    const nested = typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    return nested && Object.keys(value).every(key => /^\w+$/.test(key)) ? settings(value, path) : [[path, value]];
  });
}

// Text goes as it is where the command does not take it for JSON.
function settingText(value) {
  return typeof value === "string" && readJson(value).wrong && !["NaN", "Infinity", "-Infinity"].includes(value) ? value : JSON.stringify(value);
}

function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

const depth = path => path.split(".").length;
