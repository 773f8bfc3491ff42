// All that the page knows of one job: looked up again and again, and heard live from where the first look ended.
import {ask} from "/web/api.js";
import {every} from "/web/every.js";
import {follow} from "/web/feed.js";
import {Samples} from "/web/samples.js";
import {isFinal} from "/web/status.js";
import {Watched} from "/web/watched.js";

const TAIL = 400, EVENTS = 1000;
const CHANGING = ["checkpoint", "checkpoint_found", "checkpoint_gone", "checkpoint_bad", "artifact", "best", "finished"];

// tell: {news() where there is something to draw, job() and files(artifacts) after each was read, begin(lines) and log(lines)
// of the log, way(word) as of feed.js, again() where the job should be looked up soon}.
export class JobData {
  job = null;
  saved = [];
  events = [];
  #path;
  #tell;
  #feed = null; // until all that comes before the stream was read
  #changes = 1;
  #filed = 0; // files were read as of so many changes
  #left = false;

  constructor(path, tell) {
    const reading = part => query => ask(`${path}/${part}?${new URLSearchParams(query)}`);
    [this.#path, this.#tell] = [path, tell];
    this.curves = new Watched(reading("metrics"));
    this.samples = new Samples(reading("memory"));
  }

  get hasFiles() {
    return this.#filed > 0;
  }

  get isFinal() {
    return this.job !== null && isFinal(this.job);
  }

  async look() {
    await every([this.#readJob(), this.#readMemory(), this.#feed === null ? this.#begin() : null,
      this.#filed === this.#changes ? null : this.#readFiles(), this.curves.long ? this.curves.renew() : null]);
    this.#tell.news();
  }

  async lookCloser(first, last) {
    await this.curves.look(first, last);
    this.#tell.news();
  }

  leave() {
    this.#left = true;
    this.#feed?.stop();
  }

  async #readJob() {
    const job = await ask(this.#path);
    if (this.#left) return;
    this.job = job;
    this.#see();
    this.#tell.job();
  }

  async #readMemory() {
    await this.samples.more();
    this.#tell.news();
  }

  async #begin() {
    const [point, events, lines] = await every([this.curves.begin(this.#tell.news), this.#readEvents(), ask(`${this.#path}/logs?tail=${TAIL}`)]);
    if (this.#left) return;
    this.events = events.events;
    this.#tell.begin(lines);
    this.#feed = follow(this.#path, {event: events.next, point, offset: lines.next}, this.#hearing());
    this.#see();
    this.#tell.news();
  }

  async #readEvents() {
    const found = {events: [], next: null};
    for (;;) {
      const page = await ask(`${this.#path}/events?limit=${EVENTS}${found.next === null ? "" : `&after=${found.next}`}`);
      found.events.push(...page.events);
      found.next = page.next;
      if (page.events.length < EVENTS) return found;
    }
  }

  async #readFiles() {
    const asked = this.#changes;
    const [{checkpoints}, {artifacts}] = await every([ask(`${this.#path}/checkpoints`), ask(`${this.#path}/artifacts`)]);
    if (this.#left) return;
    [this.saved, this.#filed] = [checkpoints, asked];
    this.#tell.files(artifacts);
  }

  #see() {
    if (this.job !== null) this.#feed?.see(this.job.attempt, isFinal(this.job));
  }

  #hearing() {
    return {points: points => {
      this.curves.add(points);
      this.#tell.news();
    }, event: event => this.#hearEvent(event), log: lines => this.#tell.log(lines), way: word => this.#hearWay(word)};
  }

  #hearEvent(event) {
    this.events.push(event);
    if (event.type === "resumed") this.curves.rewind(event.data.step, event.attempt);
    if (CHANGING.includes(event.type)) this.#changes += 1;
    if (event.data.status !== undefined) this.#tell.again();
  }

  #hearWay(word) {
    this.#tell.way(word);
    if (word !== "ended") return;
    this.#changes += 1;
    this.#tell.again();
  }
}
