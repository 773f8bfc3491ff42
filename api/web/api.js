// Talking to epochd: JSON and files, each with the token where there is one.
import {readToken} from "./token.js";

// What only reads must be answered within this time. A write is left to end: nobody could tell whether it was done.
const READ_MS = 30_000;

// The service's problem document, or that it does not answer (status 0).
export class Problem extends Error {
  constructor({status = 0, code = "unreachable", detail, fields = []}) {
    super(detail);
    Object.assign(this, {status, code, fields});
  }
}

// Says "change" with {connected, sentence} when the service stops answering or answers again.
export const link = new EventTarget();
let connected = true;

// Asked for a token when the service wants one: (problem) => promise that settles once the user gave one.
// Asked once however many requests were refused meanwhile; where it rejects, they fail with the problem they had.
let askForToken = null, asking = null;
export function whenRefused(handler) {
  askForToken = handler;
}

// The answer's JSON, null where it has none. Throws Problem. `options` as of fetch, and `json` for a body.
export async function ask(path, options = {}) {
  const answer = await send(path, options.method === undefined ? {...options, within: READ_MS} : options);
  return answer.status === 204 ? null : reached(answer.json());
}

// A file as an object URL; the caller revokes it. An <img> cannot send the token by itself.
export async function blobUrl(path) {
  return URL.createObjectURL(await (await send(path, {})).blob());
}

// The answer of fetch where it is a good one. `within`: milliseconds until all of it must be there.
export async function send(path, {json, headers = {}, ...options}) {
  const body = json === undefined ? {} : {body: JSON.stringify(json), headers: {"Content-Type": "application/json", ...headers}};
  const request = {headers, ...options, ...body};
  for (;;) {
    const token = readToken(), answer = await once(path, request, token);
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (answer.status !== 401 || askForToken === null) throw problem;
    if (token === readToken()) await askOnce(problem);
  }
}

function askOnce(problem) {
  asking ??= Promise.resolve(askForToken(problem)).catch(() => {
    throw problem;
  }).finally(() => {
    asking = null;
  });
  return asking;
}

function once(path, {headers, within, signal, ...request}, token) {
  const signals = [signal, within === undefined ? undefined : AbortSignal.timeout(within)].filter(one => one !== undefined);
  return reached(fetch(path, {...request, signal: AbortSignal.any(signals),
    headers: token === null ? headers : {...headers, Authorization: `Bearer ${token}`}}));
}

// What a broken or late connection throws, as a Problem. What the caller broke off stays what it is.
async function reached(promise) {
  try {
    const found = await promise;
    tell(true);
    return found;
  } catch (error) {
    if (error.name === "AbortError" || error.name === "SyntaxError") throw error;
    const problem = new Problem({detail: "epochd does not answer."});
    tell(false, problem.message);
    throw problem;
  }
}

async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Problem({code: "error", detail: `epochd answered ${answer.status}.`, ...body, status: answer.status});
}

function tell(now, sentence = "") {
  if (now === connected) return;
  connected = now;
  link.dispatchEvent(new CustomEvent("change", {detail: {connected, sentence}}));
}
