// Submitting a job.
import {el, empty} from "/web/dom.js";

export function page() {
  const command = el("pre", {}, "epochd submit --workload celestial --preset smoke");
  const root = el("div", {}, el("h1", {}, "Submit a job"), empty("Submit with the command, or POST /jobs.", command));
  return {root, enter() {}, leave() {}, title: "Submit"};
}
