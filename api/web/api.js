// Talking to epochd: JSON, files and live streams, each with the token where there is one.
import {readToken} from "/web/token.js";

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
  const answer = await send(path, options);
  return answer.status === 204 ? null : answer.json();
}

// A file as an object URL; the caller revokes it. An <img> cannot send the token by itself.
export async function blobUrl(path) {
  return URL.createObjectURL(await (await send(path, {})).blob());
}

async function send(path, {json, headers = {}, ...options}) {
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

async function once(path, {headers, ...request}, token) {
  try {
    const answer = await fetch(path, {...request, headers: token === null ? headers : {...headers, Authorization: `Bearer ${token}`}});
    tell(true);
    return answer;
  } catch (error) {
    if (error.name === "AbortError") throw error;
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

const RETRY_MS = 1000;

// A live stream: onMessage({id, event, data}) with data parsed, from behind lastId; comes back by itself where it broke
// off, after `end` no more. onDrop(error) hears of each break. Answers a function that stops it.
export function stream(path, lastId, onMessage, onDrop = () => {}) {
  const control = new AbortController();
  let last = lastId, ended = false;
  const hear = message => {
    last = message.id ?? last;
    ended ||= message.event === "end";
    onMessage(message);
  };
  const run = async () => {
    while (!ended && !control.signal.aborted) {
      try {
        const headers = {Accept: "text/event-stream", ...(last ? {"Last-Event-ID": last} : {})};
        const answer = await send(path, {headers, signal: control.signal, cache: "no-store"});
        await readMessages(answer.body, hear);
        if (!ended) onDrop(null);
      } catch (error) {
        if (control.signal.aborted) return;
        onDrop(error);
        if (error.status === 404) return;
      }
      if (!ended) await new Promise(resolve => setTimeout(resolve, RETRY_MS));
    }
  };
  run();
  return () => control.abort();
}

async function readMessages(body, hear) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let kept = ""; ;) {
    const {value, done} = await reader.read();
    if (done) return;
    const parts = (kept + value).split("\n\n");
    kept = parts.pop();
    for (const part of parts) {
      const message = readMessage(part);
      if (message !== null) hear(message);
    }
  }
}

function readMessage(text) {
  const fields = {id: null, event: "message", data: []};
  for (const line of text.split("\n")) {
    const [, name, value] = line.match(/^(id|event|data): ?(.*)$/) ?? [];
    if (name === "data") fields.data.push(value);
    else if (name !== undefined) fields[name] = value;
  }
  return fields.data.length === 0 ? null : {...fields, data: JSON.parse(fields.data.join("\n"))};
}
