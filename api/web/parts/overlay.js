// Another job laid over the curves: chosen from a list, those of the same workload first.
import {ask} from "/web/api.js";
import {el, toast} from "/web/dom.js";
import {Series} from "/web/series.js";

const OVERVIEW = 1000;

// Answers {root, overlay() -> {series, scale} or null, start(job)}; onChange hears when there is something to draw.
export function overlayPart(id, onChange) {
  let chosen = null;
  const field = el("select", {"aria-label": "Compare with another job", onchange: () => choose(field.value)}, el("option", {value: ""}, "compare with …"));
  const choose = async other => {
    chosen = null;
    try {
      if (other !== "") chosen = await read(other);
    } catch (error) {
      toast(error.message, "failed");
    }
    onChange();
  };
  const start = async job => {
    const {jobs} = await ask(`/jobs?limit=50&workload=${encodeURIComponent(job.workload)}`);
    field.append(...jobs.filter(one => one.id !== id).map(one =>
      el("option", {value: one.id}, `${one.name || one.id} (${one.preset}, ${one.status})`)));
    field.hidden = field.options.length === 1;
  };
  return {root: field, overlay: () => chosen, start};
}

async function read(id) {
  const [job, {points}] = await Promise.all([ask(`/jobs/${id}`), ask(`/jobs/${id}/metrics?max_points=${OVERVIEW}`)]);
  const series = new Series();
  series.add(points);
  return {series, scale: scaleOf(job, points)};
}

// What places points on the axes of epochs and time.
export function scaleOf(job, points) {
  const {steps, epochs} = job.progress;
  const first = job.started_at === null ? points[0]?.time ?? 0 : new Date(job.started_at) / 1000;
  return {stepsPerEpoch: steps && epochs ? steps / epochs : 1, origin: first};
}
