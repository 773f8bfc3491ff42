// One job with its curves, memory, log and files.
import {ask} from "/web/api.js";
import {drawChart} from "/web/chart.js";
import {el, redraw, section, toast} from "/web/dom.js";
import {repeat} from "/web/repeat.js";
import {bar, best, isFinal, progressWords, status} from "/web/status.js";
import {bytes, duration} from "/web/words.js";

const REFRESH_MS = 1500, LOG_CHARACTERS = 60_000, OVERVIEW = 600;

export function page({id}) {
  const parts = Object.fromEntries(["head", "charts", "names", "memory", "log", "history", "files", "figures", "facts"]
    .map(name => [name, el(name === "log" ? "pre" : "div")]));
  parts.names.className = "bar";
  const root = el("div", {}, parts.head,
    section("Curves", parts.names, parts.charts), section("Memory", parts.memory), section("Log", parts.log),
    section("Figures and files", parts.figures, parts.files), section("Attempts, checkpoints and guards", parts.history),
    section("Spec and results", parts.facts));
  const state = {id, parts, series: new Map(), after: null, samples: [], memoryAfter: null, log: "", offset: null, name: null};
  let turn = null, here = true;
  const enter = () => {
    turn = repeat(REFRESH_MS, () => refreshJob(state, () => here));
  };
  const leave = () => {
    here = false;
    turn.stop();
  };
  return {root, enter, leave, title: id};
}

async function refreshJob(state, current) {
  const path = `/jobs/${state.id}`;
  const job = await ask(path);
  if (!current()) return;
  showHead(state, job);
  await Promise.all([readMetrics(state, path), readMemory(state, path), readLog(state, path)]);
  const [{checkpoints}, {artifacts}] = await Promise.all([ask(`${path}/checkpoints`), ask(`${path}/artifacts`)]);
  if (!current()) return;
  showCurves(state);
  showMemory(state);
  showHistory(state, job, checkpoints);
  showFiles(state, artifacts);
  redraw(state.parts.facts, [job.spec, job.results, job.adjustments], () => [
    ...job.adjustments.map(item => el("p", {}, `${item.field}: ${item.used} runs instead of ${item.asked}, for ${item.why}.`)),
    el("pre", {}, JSON.stringify(job.results === null ? job.spec : {results: job.results, spec: job.spec}, null, 2))]);
}

function showHead(state, job) {
  const final = isFinal(job), asked = job.cancel_requested_at !== null;
  const cancel = el("button", final || asked ? {disabled: ""} : {}, asked ? "Stopping" : "Cancel");
  const resume = el("button", final ? {} : {disabled: ""}, "Resume");
  cancel.onclick = () => act(cancel, `/jobs/${state.id}/cancel`);
  resume.onclick = () => act(resume, `/jobs/${state.id}/resume`);
  redraw(state.parts.head, job, () => [
    el("h1", {}, job.name || job.id),
    el("p", {class: "quiet"}, `${job.id}, ${job.kind} ${job.workload} ${job.preset}, attempt ${job.attempt}`),
    el("div", {class: "bar"}, status(job), bar(job), progressWords(job), el("span", {}, best(job)), cancel, resume),
    el("p", {class: job.status === "failed" ? "failed" : "quiet"}, [job.reason, job.message].filter(Boolean).join(": "))]);
}

async function readMetrics(state, path) {
  const page = await ask(state.after === null ? `${path}/metrics?max_points=${OVERVIEW}` :
    `${path}/metrics?after=${state.after}&limit=10000`);
  state.after = page.next;
  for (const {attempt, step, split, name, value} of page.points) {
    if (!state.series.has(name)) state.series.set(name, new Map());
    const splits = state.series.get(name);
    if (!splits.has(split)) splits.set(split, []);
    const points = splits.get(split);
    // An attempt that went on from a checkpoint says these steps anew.
    while (points.length && points.at(-1)[0] >= step && points.at(-1)[2] <= attempt) points.pop();
    points.push([step, value, attempt]);
  }
}

async function readMemory(state, path) {
  const page = await ask(state.memoryAfter === null ? `${path}/memory?max_points=${OVERVIEW}` :
    `${path}/memory?after=${state.memoryAfter}&limit=10000`);
  state.memoryAfter = page.next;
  state.samples.push(...page.points);
}

async function readLog(state, path) {
  const page = await ask(`${path}/logs?` + (state.offset === null ? "tail=300" : `offset=${state.offset}`));
  state.offset = page.next;
  if (page.text === "") return;
  const box = state.parts.log, atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
  state.log = (state.log + page.text).slice(-LOG_CHARACTERS);
  box.textContent = state.log.replace(/[^\n]*\r(?!\n)/g, "");
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function showCurves(state) {
  const names = [...state.series.keys()].sort((a, b) => (b === "loss") - (a === "loss") || a.localeCompare(b));
  state.name ??= names[0] ?? null;
  redraw(state.parts.names, [names, state.name], () => names.map(name => {
    const button = el("button", {"aria-pressed": String(name === state.name)}, name);
    button.onclick = () => {
      state.name = name;
      showCurves(state);
    };
    return button;
  }));
  const curves = [...(state.series.get(state.name) ?? [])].slice(0, 4).map(([split, points]) => ({label: split, points}));
  redraw(state.parts.charts, [state.name, state.after], () => {
    const holder = el("div");
    drawChart(holder, curves, {x: step => `step ${Math.round(step)}`});
    return [holder];
  });
}

function showMemory(state) {
  const began = state.samples[0]?.time ?? 0;
  const curve = (label, field) => ({label, points: state.samples.filter(({sample}) => field in sample)
    .map(({time, sample}) => [time - began, sample[field]])});
  const several = state.samples.some(({sample}) => sample.job_processes > 1);
  const curves = [curve("resident", "rss_bytes"), ...(several ? [curve("all processes", "job_rss_bytes")] : []),
    curve("swapped", several ? "job_swap_bytes" : "swap_bytes"),
    curve("GPU allocated", "cuda_allocated_bytes"), curve("GPU reserved", "cuda_reserved_bytes")];
  redraw(state.parts.memory, String(state.memoryAfter), () => {
    const holder = el("div");
    drawChart(holder, curves.filter(({points}) => points.length > 0), {x: duration, y: bytes, zero: true});
    return [holder];
  });
}

function showHistory(state, job, checkpoints) {
  const attempts = job.attempts.map(item => [`attempt ${item.attempt}`, item.worker_id, item.outcome ?? "running",
    item.resumed_from === null ? "" : `from ${item.resumed_from}${item.exact ? ", exact" : ", not exact"}`, item.message ?? ""]);
  const saved = checkpoints.map(item => [item.id, `epoch ${item.epoch}`, item.state, item.best ? "best" : "", bytes(item.bytes)]);
  const guards = job.guards.map(item => [item.name, item.outcome, item.sentence]);
  redraw(state.parts.history, [attempts, saved, guards], () =>
    [attempts, saved, guards].map(rows => el("table", {}, ...rows.map(row => el("tr", {}, ...row.map(text => el("td", {}, text)))))));
}

function showFiles(state, artifacts) {
  const images = artifacts.filter(item => item.media_type.startsWith("image/"));
  redraw(state.parts.figures, images.map(item => item.sha256), () => images.map(item =>
    el("figure", {}, el("img", {src: item.href, alt: item.path, loading: "lazy"}), el("figcaption", {class: "quiet"}, item.path))));
  redraw(state.parts.files, artifacts, () => artifacts.length === 0 ? [el("p", {class: "quiet"}, "None yet.")] :
    [el("table", {}, ...artifacts.map(item => el("tr", {}, el("td", {}, el("a", {href: item.href}, item.path)),
      el("td", {}, bytes(item.bytes)))))]);
}

async function act(button, path) {
  button.disabled = true;
  try {
    await ask(path, {method: "POST"});
  } catch (error) {
    toast(error.message, "failed");
  }
}
