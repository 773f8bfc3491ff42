// Another job laid over the curves: chosen from the newest of the same workload, or by its id.
import {ask} from "/web/api.js";
import {el, toast} from "/web/dom.js";
import {askId} from "/web/parts/byid.js";
import {latest} from "/web/parts/latest.js";
import {Series} from "/web/series.js";

const OVERVIEW = 1000, BY_ID = "?";

// `root` to choose the job, `chosen` {job, series, scale} or null, start(job) once it is known below which one it lies;
// onChange hears when there is something to draw.
export class Overlay {
  chosen = null;
  #id;
  #onChange;
  #workload = null;
  #readLast = latest(async other => other === "" ? null : read(other));

  constructor(id, onChange) {
    [this.#id, this.#onChange] = [id, onChange];
    this.root = el("select", {"aria-label": "Compare with another job", "data-focus": "compare", onchange: () => this.#choose(this.root.value),
      onfocus: () => this.#fill()}, el("option", {value: ""}, "compare with …"), el("option", {value: BY_ID}, "a job by its id …"));
  }

  start(job) {
    if (this.#workload !== null) return;
    this.#workload = job.workload;
    this.#fill();
  }

  async #choose(other) {
    if (other === BY_ID) return this.#chooseById();
    this.#lay(null);
    try {
      const {stale, answer} = await this.#readLast(other);
      if (!stale) this.#lay(answer);
    } catch (error) {
      this.root.value = "";
      toast(`${other} cannot be laid over: ${error.message}`, "failed");
    }
  }

  #chooseById() {
    this.root.value = "";
    this.#choose("");
    askId(this.#readLast, found => {
      this.#offer([found.job]);
      this.root.value = found.job.id;
      this.#lay(found);
    });
  }

  #lay(over) {
    this.chosen = over;
    this.#onChange();
  }

  async #fill() {
    if (this.#workload === null) return;
    try {
      this.#offer((await ask(`/jobs?limit=50&workload=${encodeURIComponent(this.#workload)}`)).jobs);
    } catch (error) {
      toast(`The jobs to compare with cannot be listed: ${error.message}`, "failed");
    }
  }

  #offer(jobs) {
    const known = new Map([...this.root.options].map(option => [option.value, option]));
    for (const {id, name, preset, status} of jobs) {
      if (id === this.#id) continue;
      const option = known.get(id) ?? el("option", {value: id}), text = `${name || id} (${preset}, ${status})`;
      if (option.textContent !== text) option.textContent = text;
      if (!known.has(id)) this.root.lastChild.before(option);
    }
  }
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
