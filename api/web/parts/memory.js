// What a job's memory samples show: resident and GPU memory, swap traffic, pressure.
import {bytes, short} from "/web/words.js";

const rate = value => value === 0 ? "0" : `${bytes(value)}/s`;
const percent = value => `${short(value)} %`;
const BINARY = Array.from({length: 50}, (_, power) => 2 ** power);
const OPTIONS = {
  "memory": {format: bytes, zero: true, increments: BINARY},
  "swap traffic": {format: rate, zero: true, least: 2 ** 20, increments: BINARY},
  "pressure": {format: percent, zero: true, least: 1},
};

// Chart title -> {curves} of samples [{step, time, sample}], each at the place `place` gives it; gapsIn makes points of them.
export function memoryCharts(samples, place, job, gapsIn) {
  if (samples.length === 0) return new Map();
  const curve = (label, field, colour) => ({label, colour, points: gapsIn(samples.filter(({sample}) => field in sample), place,
    one => one.sample[field])});
  const several = samples.some(({sample}) => sample.job_processes > 1);
  const estimate = job.memory.estimate?.total_bytes;
  const ends = [samples[0], samples.at(-1)].map(one => [place(one), estimate]);
  const groups = {
    "memory": [curve("resident", "rss_bytes", 0), several && curve("all processes", "job_rss_bytes", 3),
      curve("swapped", several ? "job_swap_bytes" : "swap_bytes", 1), curve("GPU allocated", "cuda_allocated_bytes", 2),
      curve("GPU reserved", "cuda_reserved_bytes", 4), estimate && {label: "estimated", colour: 5, dash: [2, 4], points: ends}],
    "swap traffic": [curve("in", "swap_in_bytes_per_second", 0), curve("out", "swap_out_bytes_per_second", 1)],
    "pressure": [curve("some stalled", "stalled_some_percent", 0), curve("all stalled", "stalled_full_percent", 1)],
  };
  return new Map(Object.entries(groups).map(([title, curves]) => [title, {curves: curves.filter(one => one && one.points.length > 0)}])
    .filter(([, {curves}]) => curves.length > 0));
}

// How a chart of this title prints its values.
memoryCharts.options = title => OPTIONS[title] ?? {};
