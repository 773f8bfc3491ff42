// Work done again and again: never twice at once, not while the tab is hidden, slower while it fails.

const LONGEST_MS = 15_000;

// work() every `ms` (a number, or a function that answers one) after it ended; `onError(error)` hears of failures, `onDone(result)` of successes. Answers {stop, now}.
export function repeat(ms, work, {onError = () => {}, onDone = () => {}} = {}) {
  let stopped = false, timer = null, failures = 0, running = false, again = false;
  const turn = async () => {
    timer = null;
    if (stopped || document.hidden) return;
    running = true;
    try {
      const result = await work();
      failures = 0;
      if (!stopped) onDone(result);
    } catch (error) {
      failures += 1;
      if (!stopped) onError(error);
    }
    running = false;
    const usual = typeof ms === "function" ? ms() : ms;
    const pause = again ? 0 : Math.min(LONGEST_MS, usual * 2 ** Math.min(failures, 5));
    again = false;
    if (!stopped) timer = setTimeout(turn, pause);
  };
  const now = () => {
    if (running) again = true;
    else if (!stopped) {
      clearTimeout(timer);
      turn();
    }
  };
  const shown = () => document.hidden || now();
  document.addEventListener("visibilitychange", shown);
  turn();
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", shown);
  };
  return {stop, now};
}
