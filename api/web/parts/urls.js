// Object URLs of files, each made once and revoked when it is shown no more. Pure: what makes and revokes one is given.

export class Urls {
  #kept = new Map();
  #revoke;

  constructor(revoke) {
    this.#revoke = revoke;
  }

  // The promise of a file's URL; make() => promise of a new one. A failure is tried again next time.
  of(key, make) {
    if (!this.#kept.has(key)) {
      const made = make();
      this.#kept.set(key, made);
      made.catch(() => this.#kept.get(key) === made && this.#kept.delete(key));
    }
    return this.#kept.get(key);
  }

  // Only these are still shown. One that is on its way is revoked as it comes.
  keep(keys) {
    const wanted = new Set(keys);
    for (const [key, made] of this.#kept) {
      if (wanted.has(key)) continue;
      this.#kept.delete(key);
      made.then(this.#revoke, () => {}); // of a failure whoever asked for it tells
    }
  }
}
