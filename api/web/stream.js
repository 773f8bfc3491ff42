// A live stream of server-sent events that comes back by itself where it broke off.
import {send} from "./api.js";

const RETRY_MS = 1000, FIRST_MS = 10_000;
// The service says something every 15 s: this is two of them, and some.
const SILENT_MS = 35_000;

// Messages {id, event, data} with data parsed, from behind lastId; after `end` no more. hear: {message(one), alive() at
// each sign of life, drop({silent}) at each break: whether nothing came instead of an error}. Answers what stops it.
export function stream(path, lastId, hear) {
  const control = new AbortController();
  let last = lastId, ended = false;
  const take = message => {
    if (control.signal.aborted) return;
    last = message.id ?? last;
    ended ||= message.event === "end";
    hear.message(message);
  };
  const run = async () => {
    while (!ended && !control.signal.aborted) {
      const {silent, status} = await connect(path, last, control.signal, {take, alive: hear.alive});
      if (control.signal.aborted) return;
      if (!ended) hear.drop({silent});
      if (status === 404) return;
      if (!ended) await new Promise(resolve => setTimeout(resolve, RETRY_MS));
    }
  };
  run();
  return () => control.abort();
}

// One connection until it breaks off: how it did.
async function connect(path, last, signal, {take, alive}) {
  const silence = new AbortController(), cut = () => silence.abort();
  let timer = setTimeout(cut, FIRST_MS);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(cut, SILENT_MS);
    if (!signal.aborted) alive();
  };
  try {
    const headers = {Accept: "text/event-stream", ...(last ? {"Last-Event-ID": last} : {})};
    const answer = await send(path, {headers, signal: AbortSignal.any([signal, silence.signal]), cache: "no-store"});
    await readMessages(answer.body, heard, take);
    return {silent: false};
  } catch (error) {
    return {silent: silence.signal.aborted, status: error.status};
  } finally {
    clearTimeout(timer);
    cut(); // what could not be read must not go on
  }
}

async function readMessages(body, heard, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let kept = ""; ;) {
    const {value, done} = await reader.read();
    if (done) return;
    heard();
    const parts = (kept + value).split("\n\n");
    kept = parts.pop();
    for (const part of parts) {
      const message = readMessage(part);
      if (message !== null) take(message);
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
