// What a job's page shows first, asked for while most of its scripts are still on their way.
import {ask} from "./api.js";

const [path] = location.hash.match(/(?<=^#)\/jobs\/[0-9a-z]+$/) ?? [];
const begun = new Map(path === undefined ? [] : [path, `${path}/metrics?max_points=1000&name=loss`].map(one => [one, ask(one)]));
for (const answer of begun.values()) answer.catch(() => {}); // told to who takes it

// ask(what), by the answer that was asked for ahead where there is one, once. One that failed is asked for anew: there was
// nobody yet to ask for a token.
export function take(what) {
  const answer = begun.get(what);
  begun.delete(what);
  return answer === undefined ? ask(what) : answer.catch(() => ask(what));
}
