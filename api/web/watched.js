// A job's curves while it is watched: an overview, what is added live, and a closer look where the user zooms. Pure.
import {every} from "./every.js";
import {Series} from "./series.js";

const OVERVIEW = 1000, MOST = 10_000;

// read(query) promises {points, next} of an overview: {} of all curves, {name} of one, {from_step, to_step} of a stretch.
export class Watched {
  #read;
  #most;
  #heard = new Set();
  #closer = null;
  #thinned = false;
  series = new Series();

  constructor(read, most = MOST) {
    this.#read = query => read({max_points: OVERVIEW, ...query});
    this.#most = most;
  }

  // Answers the cursor to go on from. The loss alone first, then onLoss(): of a long job it is there in half the time.
  async begin(onLoss) {
    this.series.replace((await this.#read({name: "loss"})).points);
    onLoss();
    const {points, next} = await this.#read({});
    this.series.replace(points);
    this.#thinned = this.series.longest().length > OVERVIEW / 2;
    if (this.#thinned && this.#closer !== null) await this.#refine();
    return next;
  }

  add(points) {
    this.#say(series => series.add(points));
  }

  rewind(step, attempt) {
    this.#say(series => series.rewind(step, attempt));
  }

  // Whether so many points came that the overview should be read anew.
  get long() {
    return this.series.longest().length > this.#most;
  }

  // The overview anew, with the stretch that is looked at as closely as before.
  async renew() {
    const closer = this.#closer;
    await this.#during(every([this.#read({}), closer === null ? null : this.#read(closer)]), ([whole, part]) => {
      this.series.replace(whole.points);
      this.#thinned = true;
      if (part !== null) this.series.refine(part.points, closer.from_step, closer.to_step);
    });
    if (this.#closer !== closer) await this.#refine();
  }

  // The steps from first to last, as close as an overview of them alone.
  async look(first, last) {
    this.#closer = {from_step: Math.max(0, first), to_step: Math.max(0, last)};
    if (this.#thinned) await this.#refine();
  }

  async #refine() {
    const closer = this.#closer;
    await this.#during(this.#read(closer), ({points}) => this.series.refine(points, closer.from_step, closer.to_step));
  }

  #say(word) {
    for (const heard of this.#heard) heard.push(word);
    word(this.series);
  }

  // What came in while an answer was under way may be missing in it, and is said again behind it.
  async #during(answer, take) {
    const heard = [];
    this.#heard.add(heard);
    try {
      take(await answer);
      for (const word of heard) word(this.series);
    } finally {
      this.#heard.delete(heard);
    }
  }
}
