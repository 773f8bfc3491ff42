// How a chart's curves are told apart: label, colour, dash. Keys are "split/name". Pure: no page, no plot.

// Colours there are: a number at or above it wears the colour of number % COLOURS.
export const COLOURS = 6;

const VAL = [6, 3], OVER = [2, 2], LINE = [12, 3], DOT = [2, 3], OF_SPLIT = {train: 0, val: 1, test: 2};
const splitOf = key => key.slice(0, key.indexOf("/")), nameOf = key => key.slice(key.indexOf("/") + 1);
const namesOf = keys => [...new Set(keys.map(nameOf))], splitsOf = keys => [...new Set(keys.map(splitOf))];

// One name: its splits. One split: its names. Else both.
export function labelsOf(title, keys) {
  const names = namesOf(keys), splits = splitsOf(keys);
  const bare = name => name.startsWith(`${title}.`) ? name.slice(title.length + 1) : name.replace(/^loss_(?!epoch)|_weighted$/g, "");
  return new Map(keys.map(key => [key, title === "loss" && nameOf(key) === "loss_epoch" ? "train, mean of the epoch" :
    title === "loss" || (names.length === 1 && splits.length > 1) ? splitOf(key) : splits.length === 1 ? bare(nameOf(key)) : `${splitOf(key)} ${bare(nameOf(key))}`]));
}

export function colourOf(title, key, keys) {
  if (title === "loss") return nameOf(key) === "loss_epoch" ? COLOURS - 1 : OF_SPLIT[splitOf(key)] ?? 3;
  const names = namesOf(keys);
  return names.length === 1 ? OF_SPLIT[splitOf(key)] ?? 3 : names.indexOf(nameOf(key));
}

// Strokes and spaces in pixels, undefined for a full line: whose split is not train's, whose colour is worn a second time
// (one dot more for each), and what is laid over from another job (`faint`).
export function dashOf(title, key, keys, faint = false) {
  const apart = title !== "loss" && namesOf(keys).length > 1 && splitOf(key) !== "train" && splitsOf(keys).length > 1;
  const dots = Array(Math.floor(colourOf(title, key, keys) / COLOURS)).fill(DOT).flat();
  const dash = [...faint ? OVER : [], ...apart ? VAL : [], ...dots];
  if (dash.length === 0) return undefined;
  return dots.length === dash.length ? [...LINE, ...dash] : dash;
}
