// One worker: what it runs, how much of it is taken, and the pressure on its host.
import {el} from "/web/dom.js";
import {ago, bytes, moment, short} from "/web/words.js";

const GIB = 1024 ** 3;
// Memory that is read back from a disk this fast slows a training; at the second figure it stands still.
const SWAP_WARN = 1e6, SWAP_BAD = 67e6, STALL_WARN = 10, STALL_BAD = 40;

export function workerCard(worker) {
  const {used, pressure: host} = worker;
  return el("section", {class: worker.alive ? "worker" : "worker gone", "aria-label": `Worker ${worker.id}`},
    el("div", {class: "bar between"}, el("h2", {}, worker.id), el("span", {class: worker.alive ? "succeeded" : "failed"}, worker.alive ? "✓ alive" : "✕ silent")),
    el("p", {class: "quiet small"}, `${worker.host}, process ${worker.pid}, ${worker.queues.join(" and ")} queue, heard `,
      el("time", {datetime: worker.heartbeat_at, title: moment(worker.heartbeat_at)}, ago(worker.heartbeat_at))),
    el("dl", {class: "meters"},
      meter("Slots", worker.busy, worker.slots, String),
      meter("Cores", used.cpus, worker.cpus, short),
      meter("Memory", used.memory_gib * GIB, worker.memory_gib * GIB, bytes),
      worker.gpus > 0 ? meter("GPUs", used.gpus, worker.gpus, String) : null,
      host.memory_total_bytes ? meter("Host memory", host.memory_total_bytes - host.memory_available_bytes, host.memory_total_bytes, bytes) : null,
      fact("Host swap", swap(host, worker.swapping)), fact("Memory stalls", stalls(host)),
      fact("Host load", host.load_1m === undefined ? "not known" : short(host.load_1m))),
    el("h3", {}, "Runs"), runs(worker));
}

function meter(label, value, most, print) {
  return [el("dt", {}, label), el("dd", {}, el("progress", {max: most, value: Math.min(value, most), "aria-label": label}),
    ` ${print(value)} of ${print(most)}`)];
}

function fact(label, content) {
  return [el("dt", {}, label), el("dd", {}, content)];
}

function swap(host, swapping) {
  if (host.swap_used_bytes === undefined) return "not known";
  const held = `${bytes(host.swap_used_bytes)} used`;
  if (swapping === null) return held;
  const worst = Math.max(swapping.in, swapping.out);
  if (worst === 0) return `${held}, none moves`;
  return el("span", {class: worst >= SWAP_BAD ? "failed" : worst >= SWAP_WARN ? "queued" : ""},
    `${worst >= SWAP_WARN ? "▲ " : ""}${held}, ${bytes(swapping.in)}/s in, ${bytes(swapping.out)}/s out`);
}

function stalls({pressure_some_percent: some, pressure_full_percent: full}) {
  if (some === undefined || some === null) return "not measured by this kernel";
  return el("span", {class: full >= STALL_BAD ? "failed" : some >= STALL_WARN ? "queued" : ""},
    `${some >= STALL_WARN ? "▲ " : ""}${short(some)} % some tasks, ${short(full)} % all`);
}

function runs({jobs, alive}) {
  if (jobs.length === 0) return el("p", {class: "quiet small"}, alive ? "Nothing; it takes the next job that fits." : "Nothing.");
  return el("ul", {class: "plainlist"}, jobs.map(({id, name, percent}) =>
    el("li", {"data-row": id}, el("a", {href: `#/jobs/${id}`}, name), percent === null ? "" : el("span", {class: "quiet"}, ` ${Math.floor(percent)} %`))));
}
