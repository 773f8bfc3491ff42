// A job's memory samples as the page knows them: bounded, however long it stays open. Pure: no page, no service.

const OVERVIEW = 1000, MOST = 3000, PORTION = 5000;

// read(query) promises {points, next}: an overview with its peaks, or what follows a cursor.
export class Samples {
  #read;
  #after = null;
  all = [];

  constructor(read) {
    this.#read = read;
  }

  // Samples come one a second and are never thinned one by one: where they are many, the overview is read anew.
  async more() {
    const anew = this.#after === null || this.all.length > MOST;
    const {points, next} = await this.#read(anew ? {max_points: OVERVIEW} : {after: this.#after, limit: PORTION});
    this.#after = next;
    if (anew) this.all = points;
    else if (points.length > 0) this.all = [...this.all, ...points];
  }
}
