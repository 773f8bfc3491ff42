// How a job is, in a mark, a bar and a few words. A mark has a shape beside its colour.
import {el} from "/web/dom.js";
import {duration, short} from "/web/words.js";

export const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];
const FINAL = ["succeeded", "failed", "cancelled"];
const SHAPES = {queued: "○", running: "◐", succeeded: "✓", failed: "✕", cancelled: "–"};

export const isFinal = job => FINAL.includes(job.status);

export function status(job) {
  const stopping = job.status === "running" && job.cancel_requested_at !== null;
  return el("span", {class: `status ${job.status}`}, el("span", {class: "mark", "aria-hidden": "true"}, SHAPES[job.status]),
    stopping ? "stopping" : job.status);
}

export function bar(job) {
  const {percent} = job.progress;
  const label = percent === null ? "no progress yet" : `${Math.floor(percent)} % done`;
  return el("progress", {max: 100, value: percent ?? 0, "aria-label": label, class: job.status});
}

// "62 %, epoch 3 of 5, 4 s left"
export function progressWords(job) {
  const {percent, epoch, epochs, stage, eta_seconds: eta} = job.progress;
  const running = job.status === "running";
  return [percent === null ? "" : `${Math.floor(percent)} %`,
    running && stage !== null && stage !== "train" ? stage : epoch === null ? "" : `epoch ${epoch} of ${epochs}`,
    running && eta !== null ? `${duration(eta)} left` : ""].filter(Boolean).join(", ");
}

export function best(job) {
  return job.best === null ? "" : `${job.best.metric} ${short(job.best.value)}`;
}
