// One job: its parts, and what each shows of what is known of it.
import {el, empty, toast} from "/web/dom.js";
import {JobData} from "/web/jobdata.js";
import {askResume} from "/web/parts/actions.js";
import {CurvesPart} from "/web/parts/curves.js";
import {filesPart} from "/web/parts/files.js";
import {headPart} from "/web/parts/head.js";
import {historyPart} from "/web/parts/history.js";
import {LogPart} from "/web/parts/log.js";
import {marksOf} from "/web/parts/marks.js";
import {Overlay, scaleOf} from "/web/parts/overlay.js";
import {specPart} from "/web/parts/spec.js";
import {repeat} from "/web/repeat.js";

const LIVE_MS = 1000, RESTING_MS = 5000;
const WAYS = {live: "live", polling: "live by polling: the stream does not come through", reconnecting: "reconnecting", ended: ""};

export const page = ({id}) => new JobPage(id);

class JobPage {
  #data;
  #overlay;
  #curves;
  #head;
  #log;
  #files = filesPart();
  #spec = specPart();
  #history = historyPart(from => askResume(this.#data.job, this.#data.saved, from, () => this.#again()));
  #way = el("span", {class: "quiet small way", role: "status"});
  #trouble = el("p", {class: "failed small", role: "alert", hidden: true});
  #turn = null;
  #here = true;
  #drawing = false;

  constructor(id) {
    const path = `/jobs/${id}`;
    this.title = id;
    this.#data = new JobData(path, this.#telling());
    this.#overlay = new Overlay(id, () => this.#draw());
    this.#curves = new CurvesPart(this.#source(), this.#overlay, (first, last) => this.#lookCloser(first, last));
    this.#head = headPart(() => this.#again());
    this.#log = new LogPart(path);
    this.root = el("div", {class: "job"}, this.#head.root, this.#way, this.#trouble, this.#curves.root, this.#log.root, this.#files.root,
      this.#history.root, this.#spec.root);
  }

  enter() {
    this.#turn = repeat(() => this.#data.isFinal ? RESTING_MS : LIVE_MS, () => this.#data.look(),
      {onError: error => this.#failed(error), onDone: () => this.#tell("")});
  }

  leave() {
    this.#here = false;
    this.#turn.stop();
    this.#data.leave();
    this.#curves.leave();
    this.#files.leave();
  }

  #telling() {
    return {
      news: () => this.#draw(),
      job: () => this.#showJob(),
      files: artifacts => {
        this.#files.show(artifacts);
        this.#show();
      },
      begin: lines => this.#log.begin(lines),
      log: lines => this.#log.add(lines),
      way: word => {
        this.#way.textContent = WAYS[word];
      },
      again: () => this.#again(),
    };
  }

  // What the curves are drawn of.
  #source() {
    const data = this.#data;
    return {get series() {return data.curves.series;}, get samples() {return data.samples.all;}, job: () => data.job,
      scale: () => scaleOf(data.job, data.curves.series.longest()), marks: () => marksOf(data.job, data.saved, data.events)};
  }

  #showJob() {
    const {job} = this.#data;
    document.title = `${job.name || job.id} · epochd`;
    this.#show();
    this.#overlay.start(job);
  }

  #show() {
    const {job, saved, hasFiles, isFinal} = this.#data;
    if (job === null) return;
    this.#head.show(job, saved);
    if (hasFiles) this.#history.show(job, saved, isFinal);
    this.#spec.show(job);
    this.#draw();
  }

  #draw() {
    if (this.#drawing || this.#data.job === null) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      if (this.#here) this.#curves.show();
    });
  }

  #again() {
    this.#turn?.now();
  }

  async #lookCloser(first, last) {
    try {
      await this.#data.lookCloser(first, last);
    } catch (error) {
      toast(error.message, "failed");
    }
  }

  #failed(error) {
    // That epochd does not answer at all is said at the head of the page.
    this.#tell(error.status === 0 ? "" : error.message);
    if (error.status !== 404) return;
    this.leave();
    this.root.replaceChildren(empty("There is no such job.", "It may have been deleted.", el("a", {href: "#/"}, "All jobs")));
  }

  #tell(text) {
    this.#trouble.textContent = text;
    this.#trouble.hidden = text === "";
  }
}
