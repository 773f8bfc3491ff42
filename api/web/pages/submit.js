// Submitting a job: a workload, a preset, a form of its schema, and beside it what the request would run as.
import {forbidden} from "/web/account.js";
import {ask} from "/web/api.js";
import {button, el, empty, redraw} from "/web/dom.js";
import {changesOf, kept, request} from "/web/form/changes.js";
import {accepted, refused, unreadable} from "/web/form/outlook.js";
import {code} from "/web/form/raw.js";
import {formOf} from "/web/form/schema.js";
import {formView} from "/web/form/view.js";

const PAUSE_MS = 300;

export function page({query}) {
  const outlook = el("div", {"aria-live": "polite"}), raw = el("div"), place = el("div"), begin = el("div", {class: "bar choices"});
  const found = el("span", {class: "quiet small", role: "status"});
  const search = el("input", {type: "search", placeholder: "Search fields", "aria-label": "Search fields", oninput: () => lookFor()});
  const submit = el("button", {type: "submit", class: "primary", "data-scope": "submit"}, "Submit"), title = el("h1", {}, "Submit a job");
  const form = el("form", {class: "submit", novalidate: true, onsubmit: event => {
    event.preventDefault();
    send();
  }}, el("div", {}, begin, el("div", {class: "bar"}, search, found), place),
  el("aside", {"aria-label": "What would run"}, el("div", {class: "stick"}, el("h2", {}, "What would run"), outlook, submit, raw)));
  const root = el("div", {}, el("div", {class: "title"}, title), form);
  const state = {workloads: [], shown: null, preset: "", nodes: [], view: null, changes: new Map(), key: "", body: "", timer: null, control: null, sent: false};

  const body = () => request({workload: state.shown.name, preset: state.preset, changes: state.changes});
  const lookFor = () => {
    if (state.view === null) return; // found once the form is there
    const number = state.view.search(search.value);
    found.textContent = search.value.trim() === "" ? "" : number === 0 ? "no field matches" : `${number} found`;
  };
  const changed = () => {
    const now = JSON.stringify(body());
    if (now !== state.body) Object.assign(state, {body: now, key: freshKey()});
    redraw(raw, now, () => code(body()));
    clearTimeout(state.timer);
    state.timer = setTimeout(tryOut, PAUSE_MS);
  };
  // Only the newest answer counts: what is in flight for an older body is given up.
  const tryOut = async () => {
    const why = await forbidden("submit");
    if (why !== "") return outlook.replaceChildren(el("p", {class: "wrong"}, why));
    state.control?.abort();
    const control = state.control = new AbortController();
    try {
      const dry = await ask("/jobs?dry_run=true", {method: "POST", json: body(), signal: control.signal});
      state.view.tell([]);
      outlook.replaceChildren(...(state.view.wrong() > 0 ? [unreadable(state.view.wrong())] : []), ...accepted(dry));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      tellProblem(problem);
    }
  };
  const tellProblem = problem => {
    const rest = state.view.tell(problem.fields ?? []);
    outlook.replaceChildren(...refused({fields: [], ...problem, message: problem.message}, rest).filter(Boolean));
  };
  const send = async () => {
    if (state.view === null || state.sent) return;
    if (state.view.wrong() > 0) return root.querySelector('[aria-invalid="true"]')?.focus();
    state.sent = submit.disabled = true;
    try {
      const job = await ask("/jobs", {method: "POST", json: body(), headers: {"Idempotency-Key": state.key}});
      location.hash = `#/jobs/${job.id}`;
    } catch (problem) {
      tellProblem(problem);
      root.querySelector('[aria-invalid="true"]')?.focus();
      submit.disabled = false;
    }
    state.sent = false;
  };
  const draw = () => {
    state.nodes = formOf(state.shown.schema, state.shown.presets[state.preset]);
    state.changes = kept(state.changes, state.nodes);
    state.view = formView(state.nodes, state.changes, changed);
    place.replaceChildren(state.view.root);
    begin.replaceChildren(select("Workload", state.workloads.map(({name}) => name), state.shown.name, name => choose(name, "").catch(tellProblem)),
      select("Preset", Object.keys(state.shown.presets), state.preset, preset => {
        state.preset = preset;
        draw();
      }), el("p", {class: "quiet small"}, state.shown.summary));
    lookFor();
    changed();
  };
  const choose = async (workload, preset) => {
    state.shown = await ask(`/workloads/${encodeURIComponent(workload)}`);
    state.preset = preset in state.shown.presets ? preset : state.shown.default_preset;
    draw();
  };
  const load = async () => {
    state.workloads = (await ask("/workloads")).workloads;
    const from = query.get("from");
    if (from === null) return choose(query.get("workload") ?? state.workloads[0].name, query.get("preset") ?? "");
    const job = await ask(`/jobs/${encodeURIComponent(from)}`);
    title.replaceChildren("Submit again ", el("a", {href: `#/jobs/${job.id}`}, job.name || job.id));
    state.shown = await ask(`/workloads/${encodeURIComponent(job.workload)}`);
    state.preset = job.preset;
    state.changes = changesOf(job.request, formOf(state.shown.schema, state.shown.presets[job.preset]));
    draw();
  };
  const enter = async () => {
    try {
      await load();
    } catch (problem) {
      root.replaceChildren(title, empty("The form cannot be made.", problem.message, button("Try again", () => location.reload())));
    }
  };
  const leave = () => {
    clearTimeout(state.timer);
    state.control?.abort();
  };
  return {root, enter, leave, title: "Submit"};
}

function select(label, names, value, onChoose) {
  const field = el("select", {onchange: () => onChoose(field.value)}, names.map(name => el("option", {value: name, selected: name === value}, name)));
  return el("label", {}, `${label} `, field);
}

// The same body sent twice makes one job; another body, or another visit of this page, another.
function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
}
