// What a user may do to a job: cancel, resume, resubmit, delete. The last two steps back ask first.
import {ask} from "/web/api.js";
import {button, buttonIf, dialog, el, toast} from "/web/dom.js";
import {agree} from "/web/parts/agree.js";
import {busy} from "/web/parts/busy.js";
import {isFinal} from "/web/status.js";

// now() -> {job, saved} as last seen: the buttons outlive many looks at the job. onDone() after the service agreed.
export function actions(now, onDone) {
  const {job} = now(), stopping = job.cancel_requested_at !== null && !isFinal(job);
  return [
    isFinal(job) ? null : buttonIf(!stopping, stopping ? "Stopping" : "Cancel", event => busy(event.currentTarget, "Cancel", () => cancel(job, onDone)), {"data-focus": "cancel", "data-scope": "submit"}),
    isFinal(job) ? button("Resume", () => askResume(now().job, now().saved, "last", onDone), {class: "primary", "data-focus": "resume", "data-scope": "submit"}) : null,
    el("a", {class: "button", href: `#/submit?from=${job.id}`, "data-focus": "resubmit"}, "Resubmit with changes"),
    isFinal(job) ? button("Delete", () => askDelete(now().job), {class: "danger", "data-focus": "delete", "data-scope": "admin"}) : null,
  ];
}

async function cancel(job, onDone) {
  try {
    await ask(`/jobs/${job.id}/cancel`, {method: "POST"});
    onDone();
  } catch (error) {
    toast(error.message, "failed");
  }
}

// From the newest checkpoint, the best or a chosen one, perhaps for more epochs.
export function askResume(job, saved, from, onDone) {
  const ready = saved.filter(item => item.state === "ready");
  const epochs = el("input", {type: "number", min: "1", step: "1", value: job.spec.trainer?.epochs ?? "", id: "resume-epochs"});
  const places = [["last", "The newest checkpoint"], ["best", "The best checkpoint"], ...ready.map(item => [item.id, `Epoch ${item.epoch}, step ${item.step} (${item.id})`])];
  const place = el("select", {id: "resume-from"}, places.map(([value, label]) => el("option", {value, selected: value === from}, label)));
  const trouble = el("p", {class: "failed", role: "alert"});
  const send = pressed => {
    const asked = Number(epochs.value), changed = epochs.value !== "" && asked !== job.spec.trainer?.epochs;
    request(pressed, trouble, onDone, `/jobs/${job.id}/resume`, {method: "POST", json: {from: place.value, ...(changed ? {epochs: asked} : {})}});
  };
  dialog("Resume", [el("div", {class: "form"}, el("label", {for: "resume-from"}, "Go on from"), place,
    el("label", {for: "resume-epochs"}, "Epochs in all"), epochs), trouble],
  close => [button("Not now", close), button("Resume", event => send(event.currentTarget), {class: "primary"})]);
}

function askDelete(job) {
  const trouble = el("p", {class: "failed", role: "alert"});
  const gone = () => {
    if (location.hash.split("?")[0] === `#/jobs/${job.id}`) location.hash = "#/"; // else the user is elsewhere by now
    toast(`${job.name || job.id} was deleted.`);
  };
  dialog("Delete this job?", [el("p", {}, `${job.name || job.id} and all its checkpoints, figures and logs are removed. This cannot be undone.`), trouble],
    close => [button("Keep it", close, {autofocus: true}), button("Delete", event => request(event.currentTarget, trouble, gone, `/jobs/${job.id}`, {method: "DELETE"}), {class: "danger"})]);
}

function request(pressed, trouble, done, path, options) {
  agree({pressed, box: pressed.closest("dialog"), trouble}, () => ask(path, options), {done, missed: error => toast(error.message, "failed")});
}
