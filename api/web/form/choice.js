// Which workload a form is of, while another is on its way. Pure: no page, no network of its own.

// read(name) => promise of a workload. Only the newest choice counts; one that fails leaves what is shown.
export class Choice {
  #read;
  #newest = 0;
  #waiting = false;
  shown = null;

  constructor(read) {
    this.#read = read;
  }

  // Whether what is shown is what was chosen last: nothing else may be sent.
  get settled() {
    return this.shown !== null && !this.#waiting;
  }

  // True once `name` is shown, false where a newer choice or drop() came between. Throws what reading it threw.
  async take(name) {
    const number = this.#newest += 1;
    this.#waiting = true;
    let found;
    try {
      found = await this.#read(name);
    } catch (problem) {
      if (number !== this.#newest) return false;
      this.#waiting = false;
      throw problem;
    }
    if (number !== this.#newest) return false;
    this.#waiting = false;
    this.shown = found;
    return true;
  }

  // The form is left: no answer is waited for, and nothing is settled any more.
  drop() {
    this.#newest += 1;
    this.#waiting = true;
  }
}
