// Submitting a job: a workload, a preset, a form of its schema, and beside it what the request would run as.
import {account} from "/web/account.js";
import {ask} from "/web/api.js";
import {button, el, empty, redraw, toast} from "/web/dom.js";
import {changesOf, parted, request, standing} from "/web/form/changes.js";
import {Choice} from "/web/form/choice.js";
import {fieldSearch} from "/web/form/find.js";
import {code} from "/web/form/raw.js";
import {formOf} from "/web/form/schema.js";
import {trialPart} from "/web/form/trial.js";
import {FormView} from "/web/form/view.js";

export const page = ({query}) => new SubmitPage(query);

class SubmitPage {
  title = "Submit";
  #query;
  #choice = new Choice(name => ask(`/workloads/${encodeURIComponent(name)}`));
  // `aside` are changes that the form shown has no place for, `body` the request as it was last and `key` what it is sent under.
  #preset = "";
  #nodes = [];
  #view = null;
  #changes = new Map();
  #aside = new Map();
  #drafts = new Map();
  #body = "";
  #key = "";
  #sent = false;
  #left = false;
  // Both stay the same elements: whoever chooses by keyboard stays in them.
  #workloads = el("select", {onchange: () => this.#changeWorkload()});
  #presets = el("select", {onchange: () => this.#changePreset()});
  #heading = el("h1", {}, "Submit a job");
  #summary = el("p", {class: "quiet small"});
  #search = fieldSearch(text => this.#view?.search(text) ?? null);
  #fields = el("fieldset");
  #submit = el("button", {type: "submit", class: "primary", "data-scope": "submit"}, "Submit");
  #sending = el("fieldset", {}, this.#submit);
  #raw = el("div");
  #trial = trialPart(() => this.#choice.settled ? {body: this.#request(), view: this.#view} : null);

  constructor(query) {
    this.#query = query;
    const form = el("form", {class: "submit", novalidate: true, onsubmit: event => {
      event.preventDefault();
      this.#send();
    }}, this.#main(), this.#beside());
    this.root = el("div", {}, el("div", {class: "title"}, this.#heading), form);
  }

  enter() {
    account.addEventListener("change", this.#trial.soon); // what one token is refused another may do
    this.#lock();
    this.#load().catch(problem => this.#failed(problem));
  }

  leave() {
    this.#left = true;
    account.removeEventListener("change", this.#trial.soon);
    this.#choice.drop();
    this.#trial.hush();
  }

  #main() {
    const choices = el("div", {class: "bar choices"}, el("label", {}, "Workload ", this.#workloads), el("label", {}, "Preset ", this.#presets), this.#summary);
    return el("div", {}, choices, this.#search.root, this.#fields);
  }

  #beside() {
    return el("aside", {"aria-label": "What would run"},
      el("div", {class: "stick"}, el("h2", {}, "What would run"), this.#trial.root, this.#sending, this.#raw));
  }

  async #load() {
    const {workloads} = await ask("/workloads"), names = workloads.map(({name}) => name), from = this.#query.get("from");
    const job = from === null ? null : await ask(`/jobs/${encodeURIComponent(from)}`);
    if (this.#left) return;
    const first = job?.workload ?? this.#query.get("workload") ?? names[0];
    fill(this.#workloads, names, first);
    if (job !== null) this.#heading.replaceChildren("Submit again ", el("a", {href: `#/jobs/${job.id}`}, job.name || job.id));
    await this.#choose(first, job?.preset ?? this.#query.get("preset") ?? "", job?.request ?? null);
  }

  // Whose answer comes when another was chosen meanwhile is not drawn. `asked` is the request of an earlier job.
  async #choose(name, wanted, asked = null) {
    this.#trial.hush();
    const taken = this.#choice.take(name);
    this.#lock();
    try {
      if (await taken) this.#show(wanted, asked);
    } finally {
      this.#lock();
    }
  }

  #show(wanted, asked) {
    const {name, summary, presets, schema, default_preset: usual} = this.#choice.shown;
    this.#preset = wanted in presets ? wanted : usual;
    if (asked !== null) this.#changes = changesOf(asked, formOf(schema, presets[this.#preset]));
    this.#workloads.value = name;
    this.#summary.textContent = summary;
    fill(this.#presets, Object.keys(presets), this.#preset);
    this.#draw();
  }

  #draw() {
    const {schema, presets} = this.#choice.shown;
    this.#nodes = formOf(schema, presets[this.#preset]);
    [this.#changes, this.#aside] = parted(new Map([...this.#aside, ...this.#changes]), this.#nodes);
    this.#view = new FormView(this.#nodes, this.#changes, this.#drafts, () => this.#changed());
    this.#fields.replaceChildren(this.#view.root);
    this.#search.again();
    this.#changed();
  }

  #changed() {
    const body = this.#request(), now = JSON.stringify(body);
    if (now !== this.#body) [this.#body, this.#key] = [now, freshKey()];
    redraw(this.#raw, now, () => code(body));
    this.#trial.soon();
  }

  async #changeWorkload() {
    try {
      await this.#choose(this.#workloads.value, "");
    } catch (problem) {
      if (this.#choice.shown === null) return this.#failed(problem);
      this.#workloads.value = this.#choice.shown.name;
      this.#trial.tell(problem, this.#view);
    }
  }

  #changePreset() {
    this.#preset = this.#presets.value;
    this.#draw();
  }

  async #send() {
    if (!this.#choice.settled || this.#sent) return;
    if (this.#view.wrong() > 0) return this.#view.goToWrong();
    this.#setSent(true);
    try {
      this.#taken(await ask("/jobs", {method: "POST", json: this.#request(), headers: {"Idempotency-Key": this.#key}}));
    } catch (problem) {
      this.#refused(problem);
    }
    this.#setSent(false);
  }

  #taken(job) {
    if (this.#left) toast(`${job.name || job.id} was submitted.`);
    else location.hash = `#/jobs/${job.id}`;
  }

  #refused(problem) {
    if (this.#left) return toast(problem.message, "failed");
    this.#trial.tell(problem, this.#view);
    this.#view.goToWrong();
  }

  #request() {
    return request({workload: this.#choice.shown.name, preset: this.#preset, changes: standing(this.#changes, this.#changes, this.#nodes)});
  }

  // What is shown but not chosen, or chosen but not shown, can be neither changed nor sent.
  #lock() {
    this.#fields.disabled = this.#sending.disabled = this.#presets.disabled = !this.#choice.settled;
  }

  // Not disabled while it is sent: that would throw the focus away.
  #setSent(sent) {
    this.#sent = sent;
    this.#submit.setAttribute("aria-disabled", String(sent));
  }

  #failed(problem) {
    this.root.replaceChildren(this.#heading, empty("The form cannot be made.", problem.message, button("Try again", () => location.reload())));
  }
}

function fill(field, names, value) {
  field.replaceChildren(...names.map(name => el("option", {value: name}, name)));
  field.value = value;
}

// The same body sent twice makes one job; another body, or another visit of this page, another.
function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
}
