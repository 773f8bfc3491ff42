// A line chart on an axis it shares with others: one cursor and one zoom for all of them. Knows nothing of jobs.
import {button, el} from "/web/dom.js";
import {drawMarks, markNear} from "/web/parts/marks.js";
import uPlot from "/web/vendor/uplot/uPlot.esm.js";
import {short} from "/web/words.js";

const LEFT = 66, MOST = 6, KEY_STEP = 0.01, DARK = matchMedia("(prefers-color-scheme: dark)");

// The axis that charts share. range() is what they show; unit and words() tell a place; onZoom(range or null) hears of the user's.
export class Axis {
  constructor(onZoom) {
    this.charts = new Set();
    this.extent = [0, 1];
    this.zoomed = null;
    this.unit = "";
    this.words = short;
    this.increments = undefined;
    this.onZoom = onZoom;
  }

  range() {
    return this.zoomed ?? this.extent;
  }

  zoom(range) {
    this.zoomed = range;
    for (const chart of this.charts) chart.draw();
    this.onZoom(range);
  }

  point(place, from) {
    for (const chart of this.charts) if (chart !== from) chart.point(place);
  }
}

// `least`: the axis reaches at least so far, lest a trickle look like a flood.
// show({curves, marks, log}): curves [{label, colour, dash, faint, points: [[x, y or null], ...] by x}].
export class Chart {
  constructor(axis, {title, height, format = short, zero = false, least = 0, increments}) {
    Object.assign(this, {axis, title, height, format, zero, least, increments, hidden: new Set(), shape: null, plot: null, given: null, place: null, dragging: false});
    this.readout = el("div", {class: "readout"});
    this.holder = el("div", {class: "plot", tabindex: "0", role: "group", onkeydown: event => this.#key(event),
      title: "Drag to zoom, double-click to see all. Keys: arrows read values, + and - zoom, Escape shows all."});
    this.root = el("div", {class: "chart", "data-chart": title}, el("h3", {}, title), this.readout, this.holder);
    this.resized = new ResizeObserver(() => this.plot?.setSize({width: this.holder.clientWidth, height}));
    this.resized.observe(this.holder);
    this.restyle = () => {
      this.shape = null;
      this.draw();
    };
    DARK.addEventListener("change", this.restyle);
    this.holder.addEventListener("pointerdown", () => {
      this.dragging = true;
      addEventListener("pointerup", () => {
        this.dragging = false;
      }, {once: true});
    });
    axis.charts.add(this);
  }

  remove() {
    this.axis.charts.delete(this);
    this.resized.disconnect();
    DARK.removeEventListener("change", this.restyle);
    this.plot?.destroy();
    this.root.remove();
  }

  show(given) {
    this.given = given;
    this.draw();
  }

  draw() {
    if (this.given === null || !this.root.isConnected || this.dragging) return;
    const {curves, log} = this.given;
    const shape = JSON.stringify([log, curves.map(({label, colour, dash, faint}) => [label, colour, dash, faint]),
      [...this.hidden], this.axis.unit]);
    if (shape !== this.shape) this.#build(shape);
    else this.plot.setData(this.#data());
    this.#tell(this.place);
  }

  // The cursor at a place of the axis; null takes it away.
  point(place) {
    if (this.plot === null) return;
    const left = place === null ? -10 : this.plot.valToPos(place, "x");
    this.quiet = true;
    this.plot.setCursor({left, top: left < 0 ? -10 : 1}, false);
    this.quiet = false;
    this.#tell(left < 0 ? null : place);
  }

  #build(shape) {
    this.plot?.destroy();
    this.shape = shape;
    this.plot = new uPlot(this.#options(), this.#data(), this.holder);
    this.readout.replaceChildren(...this.given.curves.map(curve => this.#legend(curve)), el("span", {class: "at"}));
  }

  #data() {
    const {curves, log} = this.given;
    const tables = curves.map(({points}) => [points.map(([x]) => x), points.map(([, y]) => log && y <= 0 ? null : y)]);
    return tables.length === 0 ? [[], []] : uPlot.join(tables);
  }

  #options() {
    const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(`--${name}`).trim();
    const {curves, log} = this.given, quiet = colour("quiet"), line = colour("line");
    const axes = {stroke: quiet, font: "11px system-ui, sans-serif", grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1, size: 4}};
    return {
      width: this.holder.clientWidth, height: this.height, legend: {show: false}, padding: [10, 14, 0, 0],
      scales: {x: {time: false, range: () => this.axis.range()}, y: {distr: log ? 3 : 1, range: log ? undefined : (_, low, high) => this.#height(low, high)}},
      axes: [{...axes, size: 26, space: 80, values: (_, places) => places.map(this.axis.words), incrs: this.axis.increments},
        {...axes, size: LEFT, space: 34, incrs: this.increments, values: (_, values) => values.map(value => value === null ? null : this.format(value))}],
      series: [{}, ...curves.map(curve => ({label: curve.label, show: !this.hidden.has(curve.label), spanGaps: false, gaps,
        stroke: colour(`series-${curve.colour % MOST}`) + (curve.faint ? "88" : ""), width: curve.faint ? 1.2 : 1.7, dash: curve.dash,
        points: {show: curve.points.length < 40, size: 5}}))],
      cursor: {drag: {x: true, y: false, setScale: false}, points: {size: 7}, dataIdx: nearest,
        bind: {dblclick: () => () => this.axis.zoom(null)}},
      hooks: {setSelect: [plot => this.#selected(plot)], setCursor: [plot => this.#moved(plot)],
        draw: [plot => drawMarks(plot, this.given.marks, colour)]},
    };
  }

  #height(low, highest) {
    if (low === null) return [0, this.least || 1];
    const high = Math.max(highest, this.least);
    const from = this.zero ? 0 : low, room = (high - from) * 0.06 || Math.abs(high) * 0.1 || 1;
    return [from >= 0 ? Math.max(0, from - room) : from - room, high + room];
  }

  #selected(plot) {
    const {left, width} = plot.select;
    if (width < 4) return;
    plot.setSelect({left: 0, width: 0, top: 0, height: 0}, false);
    this.axis.zoom([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
  }

  #moved(plot) {
    if (this.quiet) return;
    const place = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null;
    this.#tell(place);
    this.axis.point(place, this);
  }

  #legend(curve) {
    const toggle = button("", () => {
      if (!this.hidden.delete(curve.label)) this.hidden.add(curve.label);
      this.shape = null;
      this.draw();
    }, {class: `key k${curve.colour % MOST}${curve.faint ? " faint" : ""}`, "aria-pressed": String(!this.hidden.has(curve.label)), title: "Show or hide"});
    toggle.append(el("span", {class: `swatch${curve.dash ? " dashed" : ""}`, "aria-hidden": "true"}), curve.label, " ", el("b", {}));
    return toggle;
  }

  // Values at the cursor beside the names of the curves; the newest ones where there is no cursor.
  #tell(place) {
    this.place = place;
    if (this.plot === null) return;
    const {data, cursor} = this.plot, said = [];
    this.given.curves.forEach((curve, index) => {
      const at = place === null ? lastOf(data[index + 1]) : nearest(this.plot, index + 1, cursor.idx ?? 0, place);
      const value = at === null ? undefined : data[index + 1][at];
      const text = value === undefined || value === null ? "–" : this.format(value);
      this.readout.children[index].querySelector("b").textContent = text;
      said.push(`${curve.label} ${text}`);
    });
    const mark = place === null ? null : markNear(this.plot, this.given.marks, place);
    this.readout.lastElementChild.textContent = place === null ? "" : [this.axis.words(place), mark?.label].filter(Boolean).join(" · ");
    this.holder.setAttribute("aria-label", `${this.title}: ${said.join(", ")}${place === null ? "" : ` at ${this.axis.words(place)}`}`);
  }

  #key(event) {
    const [low, high] = this.axis.range(), span = high - low;
    const left = this.plot.cursor.left, at = left >= 0 ? this.plot.posToVal(left, "x") : high;
    const moves = {ArrowLeft: -KEY_STEP, ArrowRight: KEY_STEP, PageUp: -0.1, PageDown: 0.1};
    if (event.key in moves) {
      const place = Math.min(high, Math.max(low, at + moves[event.key] * span));
      this.point(place);
      this.axis.point(place, this);
    } else if (event.key === "+" || event.key === "=") this.axis.zoom([at - span / 4, at + span / 4]);
    else if (event.key === "-") this.axis.zoom(span * 2 >= this.axis.extent[1] - this.axis.extent[0] ? null : [low - span / 2, high + span / 2]);
    else if (event.key === "Escape" && this.axis.zoomed !== null) this.axis.zoom(null);
    else return;
    event.preventDefault();
  }
}

// The place nearest to the cursor at which this curve has a point: curves need not share their steps.
function nearest(plot, series, hovered, place) {
  if (series === 0) return hovered;
  const xs = plot.data[0], ys = plot.data[series];
  const missing = index => ys[index] === undefined || ys[index] === null;
  let left = hovered, right = hovered;
  while (left >= 0 && missing(left)) left -= 1;
  while (right < ys.length && missing(right)) right += 1;
  if (left < 0) return right < ys.length ? right : null;
  return right >= ys.length || place - xs[left] <= xs[right] - place ? left : right;
}

// Gaps reach from point to point of a curve: uPlot's own end at the nearest place of any curve.
function gaps(plot, series, first, last) {
  const xs = plot.data[0], ys = plot.data[series], found = [], at = index => plot.valToPos(xs[index], "x", true);
  let before = null, open = false;
  for (let index = first; index <= last; index++) {
    if (ys[index] === null) open = true;
    else if (ys[index] !== undefined) {
      if (open && before !== null) found.push([at(before), at(index)]);
      [before, open] = [index, false];
    }
  }
  return found;
}

function lastOf(values = []) {
  for (let index = values.length - 1; index >= 0; index--) if (values[index] !== undefined && values[index] !== null) return index;
  return null;
}
