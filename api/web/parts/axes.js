// The axes that a job's charts may share, step, epoch or time: how their places are told and how far they reach.
import {placer} from "/web/series.js";
import {duration, short} from "/web/words.js";

const WHOLE = Array.from({length: 12}, (_, power) => [1, 2, 5].map(digit => digit * 10 ** power)).flat();
const TIMES = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800];

// Name -> {words, ticks, increments} of an axis as of chart.js.
export const AXES = {
  step: {words: place => `step ${Math.round(place)}`, ticks: place => Math.round(place).toLocaleString("en"), increments: WHOLE},
  epoch: {words: place => `epoch ${short(place)}`, ticks: short, increments: undefined},
  time: {words: place => duration(place), ticks: place => duration(place), increments: TIMES},
};

// From the first to the last of all that is drawn: {series, samples, scale()} and the job laid over it, {series, scale} or null.
export function extentOf(name, source, over) {
  const places = [...ends(source.series, placer(name, source.scale())),
    ...[source.samples[0], source.samples.at(-1)].filter(Boolean).map(placer(name, source.scale())),
    ...over === null ? [] : ends(over.series, placer(name, over.scale))];
  const low = Math.min(...places), high = Math.max(...places);
  return places.length === 0 ? [0, 1] : low === high ? [low, low + 1] : [low, high];
}

function ends(series, place) {
  return [...series.curves.values()].filter(curve => curve.length > 0).flatMap(curve => [place(curve[0]), place(curve.at(-1))]);
}
