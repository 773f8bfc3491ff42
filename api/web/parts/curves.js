// A job's charts under one axis: its curves, its memory and its swapping, with another job laid over them where asked.
import {button, buttonIf, el, redraw} from "/web/dom.js";
import {Axis, Chart} from "/web/parts/chart.js";
import {colourOf, dashOf, labelsOf} from "/web/parts/looks.js";
import {SHAPES} from "/web/parts/marks.js";
import {memoryCharts} from "/web/parts/memory.js";
import {Opened} from "/web/parts/opened.js";
import {charts, gapped, placer, spread, stepAt} from "/web/series.js";
import {duration, short} from "/web/words.js";

const WORDS = {step: place => `step ${Math.round(place)}`, epoch: place => `epoch ${short(place)}`, time: place => duration(place)};
const TICKS = {step: place => Math.round(place).toLocaleString("en"), epoch: short, time: WORDS.time};
const WHOLE = Array.from({length: 12}, (_, power) => [1, 2, 5].map(digit => digit * 10 ** power)).flat();
const TIMES = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800];
const MEANINGS = {checkpoint: "checkpoint", best: "best checkpoint", recovery: "recovery", resume: "resume"};
const LINEAR_MEMORY = {memory: true, "swap traffic": true, pressure: true};

// onZoom(first, last) hears of the steps the user wants to see closer. other: {root} to choose the job laid over.
export function curvesPart(source, other, onZoom) {
  const state = {axis: "step", log: false, open: new Opened(), charts: new Map()};
  const axis = new Axis(range => {
    if (range !== null) onZoom(...range.map(place => stepAt(state.axis, place, source.scale(), source.series.longest())));
    show();
  });
  const tools = el("div", {class: "bar tools"}), chips = el("div", {class: "chips", role: "group", "aria-label": "Charts"});
  const legend = el("p", {class: "quiet small bar marks"}, Object.entries(MEANINGS).map(([kind, word]) => el("span", {}, `${SHAPES[kind]} ${word}`)));
  const stack = el("div", {class: "stack"}), nothing = el("p", {class: "quiet", hidden: true}, "No point yet: curves appear with the first step.");
  const root = el("section", {"aria-label": "Curves and memory"}, tools, chips, nothing, stack, legend);

  const show = () => {
    const groups = charts(source.series.curves.keys()), scale = source.scale();
    const place = placer(state.axis, scale), inMemory = memoryCharts(state.axis === "time" ? source.samples : spread(source.samples), place, source.job(), gapsIn);
    const titles = [...groups.keys(), ...inMemory.keys()];
    const best = source.job().best;
    if (best) state.open.watch(best.metric);
    axis.unit = state.axis;
    axis.words = WORDS[state.axis];
    axis.ticks = TICKS[state.axis];
    axis.increments = {step: WHOLE, time: TIMES}[state.axis];
    axis.extent = extent(source, place, laidOver());
    nothing.hidden = titles.length > 0;
    legend.hidden = titles.length === 0;
    drawTools();
    drawChips(titles);
    const wanted = titles.filter(title => state.open.has(title));
    keepCharts(wanted);
    const marks = source.marks().map(mark => ({...mark, x: place(mark)}));
    for (const title of wanted) {
      const given = inMemory.get(title) ?? {curves: curvesOf(title, groups.get(title), place)};
      state.charts.get(title).show({...given, marks, log: state.log && !LINEAR_MEMORY[title]});
    }
  };

  const laidOver = () => {
    const over = other.overlay();
    return over === null ? null : {...over, place: placer(state.axis, over.scale)};
  };

  const keepCharts = wanted => {
    for (const [title, chart] of state.charts) {
      if (wanted.includes(title)) continue;
      chart.remove();
      state.charts.delete(title);
    }
    for (const [index, title] of wanted.entries()) {
      if (state.charts.has(title)) continue;
      const chart = new Chart(axis, {title, height: title === "loss" ? 260 : 150, ...memoryCharts.options(title)});
      state.charts.set(title, chart);
      stack.insertBefore(chart.root, stack.children[index] ?? null);
    }
  };

  const gapsIn = (points, where, value) => state.axis === "time" ? gapped(points, where, value) : points.map(point => [where(point), value(point)]);

  const curvesOf = (title, keys, place) => {
    const labels = labelsOf(title, keys), drawn = (series, faint, where) => keys.filter(key => series.curves.has(key)).map(key => ({
      label: faint ? `${labels.get(key)}, other` : labels.get(key), faint, colour: colourOf(title, key, keys),
      dash: dashOf(title, key, keys, faint), points: gapsIn(series.curves.get(key), where, finite)}));
    const over = laidOver();
    return [...drawn(source.series, false, place), ...(over === null ? [] : drawn(over.series, true, over.place))];
  };

  const zoomTool = (label, act, zoomed) => buttonIf(!zoomed || axis.zoomed !== null, label, act, {class: "chip", "data-focus": label});

  const drawTools = () => redraw(tools, [state.axis, state.log, axis.zoomed !== null], () => [
    el("span", {class: "chips", role: "group", "aria-label": "Axis"}, Object.keys(WORDS).map(name => button(name, () => {
      axis.point(null); // what was pointed at is a number of the old axis
      state.axis = name;
      axis.zoomed = axis.pointed = null;
      for (const chart of state.charts.values()) chart.shape = null;
      show();
    }, {class: "chip", "aria-pressed": String(state.axis === name), "data-focus": name}))),
    button("log scale", () => {
      state.log = !state.log;
      show();
    }, {class: "chip", "aria-pressed": String(state.log), "data-focus": "log"}),
    el("span", {class: "chips", role: "group", "aria-label": "Zoom"}, zoomTool("Zoom in", () => axis.closer(), false),
      zoomTool("Zoom out", () => axis.wider(), true), zoomTool("Reset zoom", () => axis.zoom(null), true)), other.root]);

  const drawChips = titles => redraw(chips, [titles, titles.filter(title => state.open.has(title))], () => titles.map(title => button(title, () => {
    state.open.toggle(title);
    show();
  }, {class: "chip", "aria-pressed": String(state.open.has(title)), "data-focus": title})));

  return {root, show, leave: () => keepCharts([])};
}

function extent(source, place, over) {
  let low = Infinity, high = -Infinity;
  const see = x => {
    low = Math.min(low, x);
    high = Math.max(high, x);
  };
  for (const curve of source.series.curves.values()) if (curve.length > 0) [curve[0], curve.at(-1)].map(place).forEach(see);
  for (const sample of [source.samples[0], source.samples.at(-1)]) if (sample) see(place(sample));
  for (const curve of over?.series.curves.values() ?? []) if (curve.length > 0) [curve[0], curve.at(-1)].map(over.place).forEach(see);
  return low === Infinity ? [0, 1] : low === high ? [low, low + 1] : [low, high];
}

// The service writes null where a value was not finite; null in a chart is a gap.
const finite = ({value}) => value ?? NaN;
