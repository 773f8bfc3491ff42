// Which of a job's charts are open. Pure: no page, no plot.
import {chartOf} from "../series.js";

const FIRST = ["loss", "components", "learning rate", "memory", "swap traffic"];

export class Opened {
  #open = new Set(FIRST);
  #chosen = new Set();

  has(title) {
    return this.#open.has(title);
  }

  // The user opens or closes a chart: so it stays.
  toggle(title) {
    this.#chosen.add(title);
    if (!this.#open.delete(title)) this.#open.add(title);
  }

  // The chart of the metric ("val/mse") that tells which checkpoint is best is open from when it is known.
  watch(metric) {
    const title = chartOf(metric.slice(metric.indexOf("/") + 1));
    if (!this.#chosen.has(title)) this.#open.add(title);
  }
}
