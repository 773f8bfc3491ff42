// The page: a list of jobs, and one job with its curves, memory, log and files. All text is set as text, never as HTML.
import {drawChart, short} from "/web/chart.js";

const REFRESH_MS = 1500, LOG_CHARACTERS = 60_000, OVERVIEW = 600;
const FINAL = ["succeeded", "failed", "cancelled"];
const view = document.getElementById("view");
let visit = 0;

addEventListener("hashchange", open);
open();

// Every change of address starts a new visit; the loop of the one before sees that and ends.
function open() {
  const mine = ++visit;
  const found = location.hash.match(/^#\/jobs\/([0-9a-z]+)$/);
  const page = found ? jobPage(found[1]) : listPage();
  view.replaceChildren(page.root);
  loop(mine, page.refresh);
}

async function loop(mine, refresh) {
  while (mine === visit) {
    try {
      if (!document.hidden) await refresh(() => mine === visit);
      trouble("");
    } catch (error) {
      trouble(error.message);
    }
    await new Promise(resolve => setTimeout(resolve, REFRESH_MS));
  }
}

function listPage() {
  const rows = el("tbody"), more = el("p", {class: "quiet"});
  const head = el("tr", {}, ...["Job", "Status", "Progress", "Best", "Memory", "Submitted"].map((text, index) =>
    el("th", index > 2 ? {class: "wide"} : {}, text)));
  const root = el("div", {}, el("h1", {}, "Jobs"), el("section", {}, el("table", {}, el("thead", {}, head), rows), more));
  const refresh = async () => {
    const {jobs, next} = await ask("/jobs?limit=50");
    rows.replaceChildren(...jobs.map(jobRow));
    more.textContent = jobs.length === 0 ? "No jobs yet. Submit one with POST /jobs or the epochd command." :
      next === null ? "" : "Older jobs are not shown.";
    await showFleet();
  };
  return {root, refresh};
}

function jobRow(job) {
  return el("tr", {},
    el("td", {}, el("a", {href: `#/jobs/${job.id}`}, job.name || job.id), " ",
      el("span", {class: "quiet"}, `${job.workload} ${job.preset}`)),
    el("td", {}, status(job)),
    el("td", {}, ...progress(job)),
    el("td", {class: "wide"}, best(job)),
    el("td", {class: "wide"}, bytes(job.memory.latest.rss_bytes)),
    el("td", {class: "wide quiet"}, new Date(job.created_at).toLocaleString()));
}

async function showFleet() {
  const {workers} = await ask("/workers");
  const alive = workers.filter(worker => worker.alive);
  const busy = alive.reduce((sum, worker) => sum + worker.busy, 0);
  document.getElementById("fleet").textContent = alive.length === 0 ? "no worker is alive" :
    `${alive.length} worker${alive.length === 1 ? "" : "s"}, ${busy} busy`;
}

function jobPage(id) {
  const parts = Object.fromEntries(["head", "charts", "names", "memory", "log", "history", "files", "figures", "facts"]
    .map(name => [name, el(name === "log" ? "pre" : "div")]));
  parts.names.className = "bar";
  const root = el("div", {}, parts.head,
    section("Curves", parts.names, parts.charts), section("Memory", parts.memory), section("Log", parts.log),
    section("Figures and files", parts.figures, parts.files), section("Attempts, checkpoints and guards", parts.history),
    section("Spec and results", parts.facts));
  const state = {id, parts, series: new Map(), after: null, samples: [], memoryAfter: null, log: "", offset: null, name: null};
  return {root, refresh: current => refreshJob(state, current)};
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
  redraw(state.parts.facts, JSON.stringify([job.spec, job.results, job.adjustments]), () => [
    ...job.adjustments.map(item => el("p", {}, `${item.field}: ${item.used} runs instead of ${item.asked}, for ${item.why}.`)),
    el("pre", {}, JSON.stringify(job.results === null ? job.spec : {results: job.results, spec: job.spec}, null, 2))]);
}

function showHead(state, job) {
  const final = FINAL.includes(job.status), asked = job.cancel_requested_at !== null;
  const cancel = el("button", final || asked ? {disabled: ""} : {}, asked ? "Stopping" : "Cancel");
  const resume = el("button", final ? {} : {disabled: ""}, "Resume");
  cancel.onclick = () => act(cancel, `/jobs/${state.id}/cancel`);
  resume.onclick = () => act(resume, `/jobs/${state.id}/resume`);
  redraw(state.parts.head, JSON.stringify(job), () => [
    el("h1", {}, job.name || job.id),
    el("p", {class: "quiet"}, `${job.id}, ${job.kind} ${job.workload} ${job.preset}, attempt ${job.attempt}`),
    el("div", {class: "bar"}, status(job), ...progress(job), el("span", {}, best(job)), cancel, resume),
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
  redraw(state.parts.names, JSON.stringify([names, state.name]), () => names.map(name => {
    const button = el("button", {"aria-pressed": String(name === state.name)}, name);
    button.onclick = () => {
      state.name = name;
      showCurves(state);
    };
    return button;
  }));
  const curves = [...(state.series.get(state.name) ?? [])].slice(0, 4).map(([split, points]) => ({label: split, points}));
  redraw(state.parts.charts, JSON.stringify([state.name, state.after]), () => {
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
  redraw(state.parts.history, JSON.stringify([attempts, saved, guards]), () =>
    [attempts, saved, guards].map(rows => el("table", {}, ...rows.map(row => el("tr", {}, ...row.map(text => el("td", {}, text)))))));
}

function showFiles(state, artifacts) {
  const images = artifacts.filter(item => item.media_type.startsWith("image/"));
  redraw(state.parts.figures, JSON.stringify(images.map(item => item.sha256)), () => images.map(item =>
    el("figure", {}, el("img", {src: item.href, alt: item.path, loading: "lazy"}), el("figcaption", {class: "quiet"}, item.path))));
  redraw(state.parts.files, JSON.stringify(artifacts), () => artifacts.length === 0 ? [el("p", {class: "quiet"}, "None yet.")] :
    [el("table", {}, ...artifacts.map(item => el("tr", {}, el("td", {}, el("a", {href: item.href}, item.path)),
      el("td", {}, bytes(item.bytes)))))]);
}

async function act(button, path) {
  button.disabled = true;
  try {
    await ask(path, {method: "POST"});
  } catch (error) {
    trouble(error.message);
  }
}

async function ask(path, options) {
  const answer = await fetch(path, options).catch(() => {
    throw new Error("epochd does not answer");
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

function progress(job) {
  const {percent, epoch, epochs, eta_seconds: eta} = job.progress;
  const running = job.status === "running" && eta !== null ? `${duration(eta)} left` : "";
  const place = epoch === null ? "" : `epoch ${epoch}/${epochs}`;
  return [el("progress", {max: 100, value: percent ?? 0}), " ",
    el("span", {class: "quiet"}, [percent === null ? "" : `${Math.floor(percent)} %`, place, running].filter(Boolean).join(", "))];
}

function status(job) {
  return el("span", {class: `status ${job.status}`}, job.status);
}

function best(job) {
  return job.best === null ? "" : `${job.best.metric} ${short(job.best.value)}`;
}

function section(title, ...children) {
  return el("section", {}, el("h2", {}, title), ...children);
}

function bytes(count) {
  if (count === undefined || count === null) return "";
  const power = count < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(count) / 10));
  return `${Number((count / 1024 ** power).toPrecision(3))} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

function duration(seconds) {
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

// Leaves what did not change alone, so that a button is not replaced under the pointer.
function redraw(holder, key, children) {
  if (holder.dataset.key === key) return;
  holder.dataset.key = key;
  holder.replaceChildren(...children());
}

function trouble(text) {
  document.getElementById("trouble").textContent = text;
}

function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
