// What stands above a job's charts: the choice of axis and scale, the zoom, and which charts are open.
import {button, buttonIf, el, redraw} from "/web/dom.js";

// onAxis(name) and onLog() hear of the user's choice. zoom: {closer(), wider(), reset()}. last: an element behind them all.
export function toolBar(names, {onAxis, onLog, zoom}, last) {
  const root = el("div", {class: "bar tools"});
  const chip = (label, pressed, act) => button(label, act, {class: "chip", "aria-pressed": String(pressed), "data-focus": label});
  const zoomChip = (label, able, act) => buttonIf(able, label, act, {class: "chip", "data-focus": label});
  const group = (label, chips) => el("span", {class: "chips", role: "group", "aria-label": label}, chips);
  const show = ({axis, log, zoomed}) => redraw(root, [axis, log, zoomed], () => [
    group("Axis", names.map(name => chip(name, name === axis, () => onAxis(name)))),
    button("log scale", onLog, {class: "chip", "aria-pressed": String(log), "data-focus": "log"}),
    group("Zoom", [zoomChip("Zoom in", true, zoom.closer), zoomChip("Zoom out", zoomed, zoom.wider), zoomChip("Reset zoom", zoomed, zoom.reset)]),
    last]);
  return {root, show};
}

// onToggle(title) hears of each press.
export function chartChips(onToggle) {
  const root = el("div", {class: "chips", role: "group", "aria-label": "Charts"});
  const show = (titles, open) => redraw(root, [titles, open], () => titles.map(title =>
    button(title, () => onToggle(title), {class: "chip", "aria-pressed": String(open.includes(title)), "data-focus": title})));
  return {root, show};
}
