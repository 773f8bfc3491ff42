// How fast each worker's host swaps: its counters at one heartbeat beside those at the one before.

export class Traffic {
  #last = new Map();

  // {in, out} in bytes a second; null until two heartbeats were seen.
  of({id, heartbeat_at: time, pressure: {swapped_in_bytes: into, swapped_out_bytes: out}}) {
    if (into === undefined || into === null) return null;
    const now = {time, seconds: new Date(time) / 1000, into, out, rate: null}, last = this.#last.get(id);
    if (last?.time === time) return last.rate;
    // Counters begin anew where the host does.
    if (last !== undefined && now.seconds > last.seconds && into >= last.into && out >= last.out) {
      const passed = now.seconds - last.seconds;
      now.rate = {in: (into - last.into) / passed, out: (out - last.out) / passed};
    }
    this.#last.set(id, now);
    return now.rate;
  }
}
