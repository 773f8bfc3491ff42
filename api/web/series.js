// A job's curves as they are known to the page, and where on the shared axis a point stands. Pure: no page, no service.

// Curves by "split/name": points {step, time, value, attempt} in order of step, each step once.
export class Series {
  curves = new Map();

  // Points as /metrics gives them. One of a later attempt replaces what an earlier one said of that step and behind it.
  add(points) {
    for (const {split, name, step, time, value, attempt} of points) {
      const curve = this.#curve(split, name);
      while (curve.length > 0 && curve.at(-1).step >= step) curve.pop();
      curve.push({step, time, value, attempt});
    }
  }

  // These points instead of all that was known.
  replace(points) {
    this.curves = new Map();
    this.add(points);
  }

  // A closer look at the steps from first to last takes the place of what was known of them.
  refine(points, first, last) {
    const fresh = new Series();
    fresh.add(points);
    for (const [key, closer] of fresh.curves) {
      const known = this.curves.get(key) ?? [];
      this.curves.set(key, [...known.filter(point => point.step < first), ...closer,
        ...known.filter(point => point.step > last && point.step > closer.at(-1).step)]);
    }
  }

  // An attempt went on from this step: what earlier ones said behind it is void.
  rewind(step, attempt) {
    for (const curve of this.curves.values()) {
      while (curve.length > 0 && curve.at(-1).step > step && curve.at(-1).attempt < attempt) curve.pop();
    }
  }

  longest() {
    return [...this.curves.values()].reduce((most, curve) => curve.length > most.length ? curve : most, []);
  }

  #curve(split, name) {
    const key = `${split}/${name}`;
    if (!this.curves.has(key)) this.curves.set(key, []);
    return this.curves.get(key);
  }
}

const OF_THE_RUN = new Map([["lr", "learning rate"], ["grad_norm", "norms"], ["param_norm", "norms"],
  ["samples_per_second", "samples/s"], ["data_wait_share", "waiting for data"]]);
const FIRST = ["loss", "components"], LAST = ["learning rate", "weighted components", "norms", "samples/s", "waiting for data"];

// Which chart a series belongs to: the loss, its components, a metric with its parts, or what tells of the run.
export function chartOf(name) {
  if (name === "loss" || name === "loss_epoch") return "loss";
  if (/^loss_.*_weighted$/.test(name)) return "weighted components";
  if (name.startsWith("loss_")) return "components";
  return OF_THE_RUN.get(name) ?? name.split(".")[0];
}

// Chart title -> keys of its series: the loss first, the metrics by name, what tells of the run last.
export function charts(keys) {
  const found = new Map();
  for (const key of [...keys].sort(inOrder)) {
    const title = chartOf(key.slice(key.indexOf("/") + 1));
    found.set(title, [...found.get(title) ?? [], key]);
  }
  const rank = title => FIRST.includes(title) ? FIRST.indexOf(title) : LAST.includes(title) ? 200 + LAST.indexOf(title) : 100;
  return new Map([...found].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b)));
}

const SPLITS = ["train", "val", "test"];
function inOrder(a, b) {
  const [[splitA, nameA], [splitB, nameB]] = [a.split("/"), b.split("/")];
  return nameA.localeCompare(nameB) || SPLITS.indexOf(splitA) - SPLITS.indexOf(splitB);
}

// The places of points on an axis: step, epoch (steps over those of an epoch) or time (seconds since origin).
export function placer(axis, {stepsPerEpoch, origin}) {
  if (axis === "time") return point => point.time - origin;
  return axis === "epoch" ? point => point.step / stepsPerEpoch : point => point.step;
}

// [[place, value], ...] with a gap wherever an attempt ended: on the axis of time nothing was known in between.
export function gapped(points, place, value) {
  const found = [];
  for (const [index, point] of points.entries()) {
    if (index > 0 && points[index - 1].attempt !== point.attempt) found.push([place(points[index - 1]) + 1e-3, null]);
    found.push([place(point), value(point)]);
  }
  return found;
}

// Memory samples with steps between steps: several of one step are spread over the time until the next. Samples that a
// rewind left behind are dropped, but for the axis of time.
export function spread(samples) {
  const kept = [];
  for (const sample of samples) {
    while (kept.length > 0 && kept.at(-1).attempt < sample.attempt && kept.at(-1).step > sample.step) kept.pop();
    kept.push(sample);
  }
  const placed = [];
  for (let first = 0, took = 1, stride = 1; first < kept.length;) {
    let next = first + 1;
    while (next < kept.length && kept[next].step <= kept[first].step) next += 1;
    const {step, time} = kept[first];
    if (next < kept.length) [took, stride] = [Math.max(1e-3, kept[next].time - time), kept[next].step - step];
    for (let index = first; index < next; index++) {
      const part = Math.min(0.999, Math.max(0, (kept[index].time - time) / took));
      placed.push({...kept[index], step: step + stride * part});
    }
    first = next;
  }
  return placed;
}

// The step at a place of the axis, by a curve whose points carry both.
export function stepAt(axis, place, {stepsPerEpoch, origin}, curve) {
  if (axis === "step") return Math.round(place);
  if (axis === "epoch") return Math.round(place * stepsPerEpoch);
  const behind = curve.find(point => point.time - origin >= place);
  return (behind ?? curve.at(-1))?.step ?? 0;
}
