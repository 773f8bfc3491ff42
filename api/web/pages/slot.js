// A dashboard's way to a job: Prometheus knows it by the number of its slot only.
import {ask} from "/web/api.js";
import {el, empty} from "/web/dom.js";

export function page({id}) {
  const root = el("div", {}, el("h1", {}, `Slot ${id}`));
  let left = false;
  const enter = async () => {
    const {job, sentence} = await find(Number(id));
    if (left) return;
    if (job) return location.replace(`#/jobs/${job}`);
    root.append(empty(sentence, el("a", {href: "#/"}, "All jobs")));
  };
  return {root, enter, leave: () => left = true, title: `Slot ${id}`};
}

async function find(number) {
  try {
    const {slots} = await ask("/slots"), found = slots.find(({slot}) => slot === number);
    return found ?? {sentence: "No running job is shown in this slot now."};
  } catch (problem) {
    return {sentence: problem.message};
  }
}
