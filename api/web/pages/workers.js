// The fleet: who is alive, and what it runs.
import {ask} from "/web/api.js";
import {el, empty, redraw, table} from "/web/dom.js";
import {repeat} from "/web/repeat.js";
import {ago} from "/web/words.js";

export function page() {
  const body = el("div"), root = el("div", {}, el("h1", {}, "Workers"), body);
  let turn = null;
  const show = async () => {
    const {workers} = await ask("/workers");
    redraw(body, workers, () => workers.length === 0 ? empty("No worker has been seen yet.") : draw(workers));
  };
  const enter = () => {
    turn = repeat(2000, show);
  };
  return {root, enter, leave: () => turn.stop(), title: "Workers"};
}

function draw(workers) {
  return table(["Worker", "Slots", "Runs", "Heard"], workers.map(worker => [worker.id, `${worker.busy} of ${worker.slots}`,
    worker.running.map(id => el("a", {href: `#/jobs/${id}`}, id)), worker.alive ? ago(worker.heartbeat_at) : "not alive"]));
}
