// A line chart on an axis it shares with others: one cursor and one zoom for all of them. Knows nothing of jobs.
import {button, el, redraw} from "/web/dom.js";
import {COLOURS} from "/web/parts/looks.js";
import {drawMarks, markNear} from "/web/parts/marks.js";
import {firstFrom, nearest, print, readingAt} from "/web/parts/reading.js";
import {closer, wider} from "/web/parts/zoom.js";
import uPlot from "/web/vendor/uplot/uPlot.esm.js";
import {short} from "/web/words.js";

const LEFT = 66, KEY_STEP = 0.01, DOT_ROOM = 14, DARK = matchMedia("(prefers-color-scheme: dark)"), LET_GO = ["pointerup", "pointercancel", "blur"];

// The axis that charts share. range() is what they show; unit, words() and ticks() tell a place; onZoom(range or null) hears of the user's.
export class Axis {
  constructor(onZoom) {
    this.charts = new Set();
    this.extent = [0, 1];
    this.zoomed = null;
    this.pointed = null;
    this.unit = "";
    this.words = this.ticks = short;
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

  // Around where the user pointed last, else around the newest.
  closer() {
    this.zoom(closer(this.range(), this.extent, this.pointed ?? this.range()[1]));
  }

  wider() {
    this.zoom(wider(this.range(), this.extent));
  }

  point(place, from) {
    this.pointed = place ?? this.pointed;
    for (const chart of this.charts) if (chart !== from) chart.point(place);
  }
}

// `least`: the axis reaches at least so far, lest a trickle look like a flood.
// show({curves, marks, log}): curves [{label, colour, dash, faint, points}] with points as of reading.js.
export class Chart {
  constructor(axis, {title, height, format = short, zero = false, least = 0, increments}) {
    Object.assign(this, {axis, title, height, format, zero, least, increments, hidden: new Set(), frame: null, looks: null, plot: null, given: null, next: null, place: null, dragging: false});
    this.readout = el("div", {class: "readout"});
    this.holder = el("div", {class: "plot", tabindex: "0", role: "group", onkeydown: event => this.#key(event),
      title: "Drag to zoom, double-click to see all. Keys: arrows read values, + and - zoom, Escape shows all."});
    this.root = el("div", {class: "chart", "data-chart": title}, el("h3", {}, title), this.readout, this.holder);
    this.resized = new ResizeObserver(() => this.plot?.setSize({width: this.holder.clientWidth, height}));
    this.resized.observe(this.holder);
    this.restyle = () => {
      this.frame = null;
      this.draw();
    };
    DARK.addEventListener("change", this.restyle);
    this.holder.addEventListener("pointerdown", () => this.#hold());
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
    this.next = given;
    this.draw();
  }

  draw() {
    if (this.next === null || !this.root.isConnected || this.dragging) return;
    this.given = this.next;
    const frame = JSON.stringify([this.given.log, this.axis.unit]), looks = JSON.stringify(this.given.curves.map(look));
    if (frame !== this.frame) this.#build();
    else if (looks !== this.looks) this.#exchange();
    else this.plot.setData(this.#data());
    Object.assign(this, {frame, looks});
    this.#tell(this.place);
  }

  // The cursor at a place of the axis; null takes it away.
  point(place) {
    if (this.plot === null) return;
    const left = place === null ? -10 : this.plot.valToPos(place, "x");
    this.plot.setCursor({left, top: left < 0 ? -10 : 1}, false);
    this.#tell(left < 0 ? null : place);
  }

  #build() {
    this.plot?.destroy();
    this.plot = new uPlot(this.#options(), this.#data(), this.holder);
    this.#drawReadout();
  }

  // Other curves in the same plot: whoever reads or points there while one joins goes on.
  #exchange() {
    while (this.plot.series.length > 1) this.plot.delSeries(1);
    for (const curve of this.given.curves) this.plot.addSeries(this.#series(curve));
    this.#drawReadout();
    this.plot.setData(this.#data());
  }

  #drawReadout() {
    redraw(this.readout, this.given.curves.map(look), () => [...this.given.curves.map(curve => this.#legend(curve)), el("span", {class: "at"})]);
  }

  // A redraw would take away what the user is about to select. A touch that becomes a scroll ends in pointercancel.
  #hold() {
    this.dragging = true;
    const held = new AbortController();
    for (const name of LET_GO) addEventListener(name, () => {
      held.abort();
      this.dragging = false;
      setTimeout(() => this.draw()); // after the mouseup, which takes the selection
    }, {signal: held.signal});
  }

  #data() {
    const {curves, log} = this.given;
    const drawn = y => Number.isNaN(y) || (log && y <= 0) ? null : y;
    const tables = curves.map(({points}) => [points.map(([x]) => x), points.map(([, y]) => drawn(y))]);
    return tables.length === 0 ? [[], []] : uPlot.join(tables);
  }

  #options() {
    const {curves, log} = this.given, quiet = sheetColour("quiet"), line = sheetColour("line");
    const axes = {stroke: quiet, font: "11px system-ui, sans-serif", grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1, size: 4}};
    return {
      width: this.holder.clientWidth, height: this.height, legend: {show: false}, padding: [10, 24, 0, 0],
      scales: {x: {time: false, range: () => this.axis.range()}, y: {distr: log ? 3 : 1, range: log ? undefined : (_, low, high) => this.#height(low, high)}},
      axes: [{...axes, size: 26, space: 80, values: (_, places) => places.map(this.axis.ticks), incrs: this.axis.increments},
        {...axes, size: LEFT, space: 34, incrs: this.increments, values: (_, values) => values.map(value => value === null ? null : this.format(value))}],
      series: [{}, ...curves.map(curve => this.#series(curve))],
      cursor: {drag: {x: true, y: false, setScale: false}, points: {size: 7}, dataIdx: (plot, index, hovered, place) => this.#indexAt(plot, index, hovered, place),
        bind: {dblclick: () => () => this.axis.zoom(null)}},
      hooks: {ready: [plot => plot === this.plot && this.point(this.place)], setSelect: [plot => this.#selected(plot)], setCursor: [plot => this.#moved(plot)],
        draw: [plot => drawMarks(plot, this.given.marks, sheetColour)]},
    };
  }

  #series({label, colour: number, faint, dash}) {
    return {label, dash, show: !this.hidden.has(label), spanGaps: false, gaps, stroke: sheetColour(`series-${number % COLOURS}`) + (faint ? "88" : ""),
      width: faint ? 1.2 : 1.7, points: {show: (plot, index) => this.given.curves[index - 1].points.length * DOT_ROOM < plot.width, size: 5}};
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
    if (plot.status === 0) return; // its first drawing: where it is pointed at is put back when it is ready
    const place = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null;
    this.#tell(place);
    this.axis.point(place, this);
  }

  // The dot sits on the point whose value is read. Curves need not share their places.
  #indexAt(plot, index, hovered, place) {
    const points = this.given.curves[index - 1]?.points ?? [], at = nearest(points, place), xs = plot.data[0];
    return at < 0 ? hovered : firstFrom(xs.length, number => xs[number], points[at][0]);
  }

  #legend({label, colour, dash, faint}) {
    const toggle = button("", () => {
      const shown = this.hidden.delete(label);
      if (!shown) this.hidden.add(label);
      toggle.setAttribute("aria-pressed", String(shown));
      this.plot.setSeries(this.given.curves.findIndex(curve => curve.label === label) + 1, {show: shown});
    }, {class: `key k${colour % COLOURS}${faint ? " faint" : ""}`, "aria-pressed": String(!this.hidden.has(label)), title: "Show or hide", "data-focus": label});
    toggle.append(swatch(dash), label, " ", el("b", {}));
    return toggle;
  }

  // Values at the cursor beside the names of the curves; the newest ones where there is no cursor.
  #tell(place) {
    this.place = place;
    if (this.plot === null) return;
    const said = this.given.curves.map(({label, points}, index) => {
      const text = print(readingAt(points, place), this.format);
      this.readout.children[index].querySelector("b").textContent = text;
      return `${label} ${text}`;
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
    } else if (event.key === "+" || event.key === "=") this.axis.closer();
    else if (event.key === "-") this.axis.wider();
    else if (event.key === "Escape" && this.axis.zoomed !== null) this.axis.zoom(null);
    else return;
    event.preventDefault();
  }
}

// As the sheet has it, in the theme of now.
const sheetColour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const look = ({label, colour, dash, faint}) => [label, colour, dash, faint];

// A piece of the curve's own line, dashed as it is.
function swatch(dash) {
  const [svg, line] = ["svg", "path"].map(name => document.createElementNS("http://www.w3.org/2000/svg", name));
  for (const [name, value] of [["class", "swatch"], ["viewBox", "0 0 26 3"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  line.setAttribute("d", "M0 1.5h26");
  if (dash !== undefined) line.setAttribute("stroke-dasharray", dash.join(" "));
  svg.append(line);
  return svg;
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
