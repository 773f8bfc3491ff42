// Submitting a job: a workload, a preset, a form of its schema, and beside it what the request would run as.
import {account} from "/web/account.js";
import {ask} from "/web/api.js";
import {button, el, empty, redraw, toast} from "/web/dom.js";
import {changesOf, parted, request, standing} from "/web/form/changes.js";
import {Choice} from "/web/form/choice.js";
import {code} from "/web/form/raw.js";
import {formOf} from "/web/form/schema.js";
import {trialPart} from "/web/form/trial.js";
import {formView} from "/web/form/view.js";

export function page({query}) {
  const trial = trialPart(() => choice.settled ? {body: body(), view: state.view} : null), raw = el("div"), found = el("span", {class: "quiet small", role: "status"});
  const search = el("input", {type: "search", placeholder: "Search fields", "aria-label": "Search fields", oninput: () => lookFor(), onkeydown: event => {
    if (event.key === "Enter") event.preventDefault(); // looks for fields and submits nothing
  }});
  // Both stay the same elements: whoever chooses by keyboard stays in them.
  const workload = el("select", {onchange: () => changeWorkload()}), preset = el("select", {onchange: () => changePreset()});
  const summary = el("p", {class: "quiet small"}), fields = el("fieldset"), sending = el("fieldset");
  const submit = el("button", {type: "submit", class: "primary", "data-scope": "submit"}, "Submit"), title = el("h1", {}, "Submit a job");
  sending.append(submit);
  const form = el("form", {class: "submit", novalidate: true, onsubmit: event => {
    event.preventDefault();
    send();
  }}, el("div", {}, el("div", {class: "bar choices"}, el("label", {}, "Workload ", workload), el("label", {}, "Preset ", preset), summary),
    el("div", {class: "bar"}, search, found), fields),
  el("aside", {"aria-label": "What would run"}, el("div", {class: "stick"}, el("h2", {}, "What would run"), trial.root, sending, raw)));
  const root = el("div", {}, el("div", {class: "title"}, title), form);
  const choice = new Choice(name => ask(`/workloads/${encodeURIComponent(name)}`));
  const state = {preset: "", nodes: [], view: null, changes: new Map(), aside: new Map(), drafts: new Map(), key: "", body: "", sent: false, left: false};

  const body = () => request({workload: choice.shown.name, preset: state.preset, changes: standing(state.changes, state.changes, state.nodes)});
  // What is shown but not chosen, or chosen but not shown, can be neither changed nor sent.
  const lock = () => {
    fields.disabled = sending.disabled = preset.disabled = !choice.settled;
  };
  const lookFor = () => {
    if (state.view === null) return; // found once the form is there
    const number = state.view.search(search.value);
    found.textContent = search.value.trim() === "" ? "" : number === 0 ? "no field matches" : `${number} found`;
  };
  const changed = () => {
    const now = JSON.stringify(body());
    if (now !== state.body) Object.assign(state, {body: now, key: freshKey()});
    redraw(raw, now, () => code(body()));
    trial.soon();
  };
  const send = async () => {
    if (!choice.settled || state.sent) return;
    if (state.view.wrong() > 0) return state.view.goToWrong();
    setSent(true);
    try {
      const job = await ask("/jobs", {method: "POST", json: body(), headers: {"Idempotency-Key": state.key}});
      if (state.left) toast(`${job.name || job.id} was submitted.`);
      else location.hash = `#/jobs/${job.id}`;
    } catch (problem) {
      if (state.left) return toast(problem.message, "failed");
      trial.tell(problem, state.view);
      state.view.goToWrong();
    }
    setSent(false);
  };
  // Not disabled while it is sent: that would throw the focus away.
  const setSent = sent => {
    state.sent = sent;
    submit.setAttribute("aria-disabled", String(sent));
  };
  const draw = () => {
    const {schema, presets} = choice.shown, nodes = state.nodes = formOf(schema, presets[state.preset]);
    [state.changes, state.aside] = parted(new Map([...state.aside, ...state.changes]), nodes);
    state.view = formView(nodes, state.changes, state.drafts, changed);
    fields.replaceChildren(state.view.root);
    lookFor();
    changed();
  };
  const changePreset = () => {
    state.preset = preset.value;
    draw();
  };
  const changeWorkload = async () => {
    try {
      await choose(workload.value, "");
    } catch (problem) {
      if (choice.shown === null) return failed(problem);
      workload.value = choice.shown.name;
      trial.tell(problem, state.view);
    }
  };
  // Whose answer comes when another was chosen meanwhile is not drawn. `asked` is the request of an earlier job.
  const choose = async (name, wanted, asked = null) => {
    trial.hush();
    const taken = choice.take(name);
    lock();
    try {
      if (!await taken) return;
      const {presets, schema, default_preset: usual} = choice.shown;
      state.preset = wanted in presets ? wanted : usual;
      if (asked !== null) state.changes = changesOf(asked, formOf(schema, presets[state.preset]));
      workload.value = choice.shown.name;
      summary.textContent = choice.shown.summary;
      fill(preset, Object.keys(presets), state.preset);
      draw();
    } finally {
      lock();
    }
  };
  const load = async () => {
    const {workloads} = await ask("/workloads"), names = workloads.map(({name}) => name), from = query.get("from");
    const job = from === null ? null : await ask(`/jobs/${encodeURIComponent(from)}`);
    if (state.left) return;
    const first = job?.workload ?? query.get("workload") ?? names[0];
    fill(workload, names, first);
    if (job !== null) title.replaceChildren("Submit again ", el("a", {href: `#/jobs/${job.id}`}, job.name || job.id));
    await choose(first, job?.preset ?? query.get("preset") ?? "", job?.request ?? null);
  };
  const failed = problem => root.replaceChildren(title, empty("The form cannot be made.", problem.message, button("Try again", () => location.reload())));
  const enter = () => {
    account.addEventListener("change", trial.soon); // what one token is refused another may do
    lock();
    load().catch(failed);
  };
  const leave = () => {
    state.left = true;
    account.removeEventListener("change", trial.soon);
    choice.drop();
    trial.hush();
  };
  return {root, enter, leave, title: "Submit"};
}

function fill(field, names, value) {
  field.replaceChildren(...names.map(name => el("option", {value: name}, name)));
  field.value = value;
}

// The same body sent twice makes one job; another body, or another visit of this page, another.
function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
}
