// A job's charts under one axis: its curves, its memory and its swapping, with another job laid over them where asked.
import {el} from "/web/dom.js";
import {AXES, extentOf} from "/web/parts/axes.js";
import {Axis, Chart} from "/web/parts/chart.js";
import {colourOf, dashOf, labelsOf} from "/web/parts/looks.js";
import {SHAPES} from "/web/parts/marks.js";
import {memoryCharts} from "/web/parts/memory.js";
import {Opened} from "/web/parts/opened.js";
import {chartChips, toolBar} from "/web/parts/tools.js";
import {charts, gapped, placer, spread, stepAt} from "/web/series.js";

const MEANINGS = {checkpoint: "checkpoint", best: "best checkpoint", recovery: "recovery", resume: "resume"};
const LINEAR_MEMORY = {memory: true, "swap traffic": true, pressure: true};

// source: {series, samples, job(), scale(), marks()}. overlay: {root, chosen} of the job laid over. onZoom(first, last) hears
// of the steps the user wants to see closer.
export class CurvesPart {
  #source;
  #overlay;
  #axis;
  #tools;
  #chips = chartChips(title => this.#toggle(title));
  #nothing = el("p", {class: "quiet", hidden: true}, "No point yet: curves appear with the first step.");
  #stack = el("div", {class: "stack"});
  #legend = el("p", {class: "quiet small bar marks"}, Object.entries(MEANINGS).map(([kind, word]) => el("span", {}, `${SHAPES[kind]} ${word}`)));
  #name = "step";
  #log = false;
  #open = new Opened();
  #charts = new Map();

  constructor(source, overlay, onZoom) {
    [this.#source, this.#overlay] = [source, overlay];
    const axis = this.#axis = new Axis(range => {
      if (range !== null) onZoom(...range.map(place => stepAt(this.#name, place, source.scale(), source.series.longest())));
      this.show();
    });
    const zoom = {closer: () => axis.closer(), wider: () => axis.wider(), reset: () => axis.zoom(null)};
    this.#tools = toolBar(Object.keys(AXES), {onAxis: name => this.#choose(name), onLog: () => this.#toggleLog(), zoom}, overlay.root);
    this.root = el("section", {"aria-label": "Curves and memory"}, this.#tools.root, this.#chips.root, this.#nothing, this.#stack, this.#legend);
  }

  show() {
    const place = this.#placer(this.#source.scale()), groups = charts(this.#source.series.curves.keys()), memory = this.#memory(place);
    const titles = [...groups.keys(), ...memory.keys()], {best} = this.#source.job();
    if (best) this.#open.watch(best.metric);
    Object.assign(this.#axis, {unit: this.#name, ...AXES[this.#name], extent: extentOf(this.#name, this.#source, this.#overlay.chosen)});
    const open = titles.filter(title => this.#open.has(title));
    this.#showFrame(titles, open);
    this.#keepCharts(open);
    const marks = this.#source.marks().map(mark => ({...mark, x: place(mark)}));
    for (const title of open) {
      const given = memory.get(title) ?? {curves: this.#curves(title, groups.get(title), place)};
      this.#charts.get(title).show({...given, marks, log: this.#log && !LINEAR_MEMORY[title]});
    }
  }

  leave() {
    this.#keepCharts([]);
  }

  #showFrame(titles, open) {
    this.#nothing.hidden = titles.length > 0;
    this.#legend.hidden = titles.length === 0;
    this.#tools.show({axis: this.#name, log: this.#log, zoomed: this.#axis.zoomed !== null});
    this.#chips.show(titles, open);
  }

  #keepCharts(wanted) {
    for (const [title, chart] of this.#charts) {
      if (wanted.includes(title)) continue;
      chart.remove();
      this.#charts.delete(title);
    }
    for (const [index, title] of wanted.entries()) {
      if (this.#charts.has(title)) continue;
      const chart = new Chart(this.#axis, {title, height: title === "loss" ? 260 : 150, ...memoryCharts.options(title)});
      this.#charts.set(title, chart);
      this.#stack.insertBefore(chart.root, this.#stack.children[index] ?? null);
    }
  }

  #memory(place) {
    const {samples} = this.#source;
    return memoryCharts(this.#name === "time" ? samples : spread(samples), place, this.#source.job(), (...words) => this.#points(...words));
  }

  #curves(title, keys, place) {
    const labels = labelsOf(title, keys), over = this.#overlay.chosen;
    const drawn = (series, faint, where) => keys.filter(key => series.curves.has(key)).map(key => ({
      label: faint ? `${labels.get(key)}, other` : labels.get(key), faint, colour: colourOf(title, key, keys),
      dash: dashOf(title, key, keys, faint), points: this.#points(series.curves.get(key), where, finite)}));
    return [...drawn(this.#source.series, false, place), ...over === null ? [] : drawn(over.series, true, this.#placer(over.scale))];
  }

  #points(points, place, value) {
    return this.#name === "time" ? gapped(points, place, value) : points.map(point => [place(point), value(point)]);
  }

  #placer(scale) {
    return placer(this.#name, scale);
  }

  #choose(name) {
    this.#axis.point(null); // what was pointed at is a number of the old axis
    this.#name = name;
    this.#axis.zoomed = this.#axis.pointed = null;
    this.show();
  }

  #toggleLog() {
    this.#log = !this.#log;
    this.show();
  }

  #toggle(title) {
    this.#open.toggle(title);
    this.show();
  }
}

// The service writes null where a value was not finite; null in a chart is a gap.
const finite = ({value}) => value ?? NaN;
