// Another job laid over the curves: chosen from the newest of the same workload, or by its id.
import {ask} from "/web/api.js";
import {button, dialog, el, toast} from "/web/dom.js";
import {latest} from "/web/parts/latest.js";
import {Series} from "/web/series.js";

const OVERVIEW = 1000, BY_ID = "?";

// Answers {root, overlay() -> {job, series, scale} or null, start(job)}; onChange hears when there is something to draw.
export function overlayPart(id, onChange) {
  let chosen = null, workload = null;
  const field = el("select", {"aria-label": "Compare with another job", "data-focus": "compare", onchange: () => choose(field.value), onfocus: () => fill()},
    el("option", {value: ""}, "compare with …"), el("option", {value: BY_ID}, "a job by its id …"));
  const readLast = latest(async other => other === "" ? null : read(other));
  const choose = async other => {
    if (other === BY_ID) return askId();
    lay(null);
    try {
      const {stale, answer} = await readLast(other);
      if (!stale) lay(answer);
    } catch (error) {
      field.value = "";
      toast(`${other} cannot be laid over: ${error.message}`, "failed");
    }
  };
  const lay = over => {
    chosen = over;
    onChange();
  };
  const askId = () => {
    field.value = "";
    choose("");
    const asked = el("input", {type: "text", id: "compared", autofocus: true, spellcheck: "false"}), trouble = el("p", {class: "failed", role: "alert"});
    const form = el("form", {class: "form", id: "comparing"}, el("label", {for: "compared"}, "Id of the job"), asked);
    const box = dialog("Compare with another job", [form, trouble],
      close => [button("Not now", close), el("button", {form: "comparing", class: "primary"}, "Compare")]);
    form.addEventListener("submit", async event => {
      event.preventDefault();
      try {
        const {stale, answer} = await readLast(asked.value.trim());
        if (stale || answer === null || !box.open) return;
        offer([answer.job]);
        field.value = answer.job.id;
        box.close();
        lay(answer);
      } catch (error) {
        trouble.textContent = error.message;
      }
    });
  };
  const offer = jobs => {
    const known = new Map([...field.options].map(option => [option.value, option]));
    for (const {id: other, name, preset, status} of jobs) {
      if (other === id) continue;
      const option = known.get(other) ?? el("option", {value: other}), text = `${name || other} (${preset}, ${status})`;
      if (option.textContent !== text) option.textContent = text;
      if (!known.has(other)) field.lastChild.before(option);
    }
  };
  const fill = async () => {
    if (workload === null) return;
    try {
      offer((await ask(`/jobs?limit=50&workload=${encodeURIComponent(workload)}`)).jobs);
    } catch (error) {
      toast(`The jobs to compare with cannot be listed: ${error.message}`, "failed");
    }
  };
  const start = job => {
    workload = job.workload;
    return fill();
  };
  return {root: field, overlay: () => chosen, start};
}

async function read(id) {
  const path = `/jobs/${encodeURIComponent(id)}`;
  const [job, {points}] = await Promise.all([ask(path), ask(`${path}/metrics?max_points=${OVERVIEW}`)]);
  const series = new Series();
  series.add(points);
  return {job, series, scale: scaleOf(job, points)};
}

// What places points on the axes of epochs and time.
export function scaleOf(job, points) {
  const {steps, epochs} = job.progress;
  const first = job.started_at === null ? points[0]?.time ?? 0 : new Date(job.started_at) / 1000;
  return {stepsPerEpoch: steps && epochs ? steps / epochs : 1, origin: first};
}
