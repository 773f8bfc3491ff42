// Draws curves as SVG: gaps where a value was not finite, a readout under the pointer. Knows nothing of jobs.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 900, HEIGHT = 260, LEFT = 62, RIGHT = 12, TOP = 10, BOTTOM = 26;

// curves: [{label, points: [[x, y or null], ...] by x}]; at most four. x and y print a number.
export function drawChart(holder, curves, {x = short, y = short, zero = false} = {}) {
  const range = ranges(curves, zero);
  const svg = make("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img"});
  svg.append(make("title", {}, curves.map(curve => curve.label).join(", ")));
  const legend = document.createElement("div");
  legend.className = "legend";
  if (range === null) {
    svg.append(make("text", {x: LEFT, y: HEIGHT / 2}, "nothing yet"));
  } else {
    grid(svg, range, x, y);
    curves.forEach((curve, index) => draw(svg, curve, index, range));
    follow(svg, legend, curves, range, x, y);
  }
  tell(legend, curves, null, x, y);
  holder.replaceChildren(svg, legend);
}

export function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

function ranges(curves, zero) {
  let left = Infinity, right = -Infinity, low = zero ? 0 : Infinity, high = -Infinity;
  for (const {points} of curves) {
    for (const [x, y] of points) {
      left = Math.min(left, x);
      right = Math.max(right, x);
      if (y !== null) {
        low = Math.min(low, y);
        high = Math.max(high, y);
      }
    }
  }
  if (high === -Infinity) return null;
  const room = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  if (right === left) right = left + 1;
  return {left, right, low: low >= 0 ? Math.max(0, low - room) : low - room, high: high + room};
}

const across = (range, x) => LEFT + (x - range.left) / (range.right - range.left) * (WIDTH - LEFT - RIGHT);
const down = (range, y) => TOP + (range.high - y) / (range.high - range.low) * (HEIGHT - TOP - BOTTOM);

function grid(svg, range, printX, printY) {
  for (let part = 0; part <= 4; part++) {
    const y = range.low + (range.high - range.low) * part / 4, place = down(range, y);
    svg.append(make("line", {x1: LEFT, x2: WIDTH - RIGHT, y1: place, y2: place, class: "grid"}));
    svg.append(make("text", {x: LEFT - 6, y: place + 4, "text-anchor": "end"}, printY(y)));
    const x = range.left + (range.right - range.left) * part / 4;
    const anchor = part === 0 ? "start" : part === 4 ? "end" : "middle";
    svg.append(make("text", {x: across(range, x), y: HEIGHT - 8, "text-anchor": anchor}, printX(x)));
  }
}

function draw(svg, {points}, index, range) {
  let path = "", pen = "M";
  for (const [x, y] of points) {
    if (y === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${across(range, x).toFixed(1)} ${down(range, y).toFixed(1)}`;
    pen = "L";
  }
  svg.append(make("path", {d: path, class: `s${index}`}));
  if (points.length < 40) {
    for (const [x, y] of points) {
      if (y !== null) {
        svg.append(make("circle", {cx: across(range, x), cy: down(range, y), r: 2.5, class: `dot s${index}`}));
      }
    }
  }
}

function follow(svg, legend, curves, range, printX, printY) {
  const line = make("line", {y1: TOP, y2: HEIGHT - BOTTOM, class: "cursor", visibility: "hidden"});
  svg.append(line);
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const place = Math.min(WIDTH - RIGHT, Math.max(LEFT, (event.clientX - box.left) / box.width * WIDTH));
    const x = range.left + (place - LEFT) / (WIDTH - LEFT - RIGHT) * (range.right - range.left);
    line.setAttribute("x1", place);
    line.setAttribute("x2", place);
    line.setAttribute("visibility", "visible");
    tell(legend, curves, x, printX, printY);
  });
  svg.addEventListener("pointerleave", () => {
    line.setAttribute("visibility", "hidden");
    tell(legend, curves, null, printX, printY);
  });
}

// Each curve's newest value, or the one nearest to the pointer.
function tell(legend, curves, x, printX, printY) {
  legend.replaceChildren(...curves.map(({label, points}, index) => {
    const item = document.createElement("span");
    item.className = `k${index}`;
    const point = x === null ? points.at(-1) : nearest(points, x);
    const value = point === undefined ? "" : point[1] === null ? "not finite" : printY(point[1]);
    item.textContent = point === undefined ? label : `${label} ${value} at ${printX(point[0])}`;
    return item;
  }));
}

function nearest(points, x) {
  let low = 0, high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x) low = middle + 1;
    else high = middle;
  }
  const before = points[low - 1];
  return before !== undefined && x - before[0] < points[low]?.[0] - x ? before : points[low];
}

function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
