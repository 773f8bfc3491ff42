// What the head of a job's page says of it, in words. Pure: no page, no clock of its own.
import {ago, bytes, duration, moment, short} from "../words.js";

// [[name, text], ...] without those there is nothing to say of; now in milliseconds.
export function factsOf(job, now) {
  const {memory, progress} = job;
  return [["Steps", progress.step === null ? "" : `${progress.step} of ${progress.steps}`],
    ["Speed", progress.samples_per_second === null ? "" : `${short(progress.samples_per_second)} samples/s`],
    ["Memory", bytes(memory.latest.job_rss_bytes ?? memory.latest.rss_bytes)], ["Peak", bytes(memory.peak.job_rss_bytes ?? memory.peak.rss_bytes)],
    ["Swapped", bytes(memory.latest.job_swap_bytes ?? memory.latest.swap_bytes)], ["Exact", job.exact === null ? "" : job.exact ? "yes" : "no"],
    ["Ran for", job.attempts.length === 0 ? "" : duration(job.attempts.reduce((sum, item) => sum + took(item, now), 0))],
    ["Submitted", `${moment(job.created_at)} (${ago(job.created_at, now)})`]].filter(([, text]) => text !== "");
}

// Seconds. The reader's clock may be behind the service's.
function took({started_at: began, ended_at: ended}, now) {
  return Math.max(0, (new Date(ended ?? now) - new Date(began)) / 1000);
}
