// What happened to a job, drawn into its charts: checkpoints, recoveries, resumes. Each kind has its own shape.

const NEAR_PIXELS = 6, MANY = 80;
export const SHAPES = {checkpoint: "▲", best: "★", recovery: "◆", resume: "▶"};

// [{kind, step, time (Unix seconds), label}] of a job, its checkpoints and its events.
export function marksOf(job, checkpoints, events) {
  const saved = checkpoints.map(item => ({kind: item.best ? "best" : "checkpoint", step: item.step, time: seconds(item.created_at),
    label: `${item.best ? "best checkpoint" : "checkpoint"} of step ${item.step}${item.state === "ready" ? "" : `, ${item.state}`}`, gone: item.state !== "ready"}));
  const resumed = job.attempts.filter(item => item.attempt > 1).map(item => ({kind: "resume", step: item.resumed_step ?? 0,
    time: seconds(item.started_at), label: `attempt ${item.attempt} from step ${item.resumed_step ?? 0}${exactness(item)}`}));
  const recovered = events.filter(item => item.type === "recovered").map(({data, time}) => ({kind: "recovery", step: data.step ?? 0,
    time: seconds(time), label: `recovered from ${data.cause.replaceAll("_", " ")}: batch size ${data.batch_size}, accumulate ${data.accumulate}`}));
  return [...saved, ...resumed, ...recovered];
}

const seconds = time => new Date(time) / 1000;
const exactness = item => item.exact === null ? "" : item.exact ? ", exact" : ", not exact";

export function markNear(plot, marks, place) {
  const left = plot.valToPos(place, "x");
  const near = marks.map(mark => ({mark, far: Math.abs(plot.valToPos(mark.x, "x") - left)})).filter(({far}) => far <= NEAR_PIXELS);
  return near.length === 0 ? null : near.reduce((best, one) => one.far < best.far ? one : best).mark;
}

// marks carry x. Checkpoints are small signs on the ground line, resumes and recoveries lines from top to bottom.
export function drawMarks(plot, marks, colour) {
  const {ctx, bbox} = plot, ratio = devicePixelRatio, {min, max} = plot.scales.x;
  const seen = marks.filter(mark => mark.x >= min && mark.x <= max);
  const bare = seen.length > MANY;
  ctx.save();
  ctx.font = `${10 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  for (const {kind, x, gone} of seen) {
    const left = plot.valToPos(x, "x", true), ground = bbox.top + bbox.height;
    const tall = kind === "resume" || kind === "recovery";
    ctx.strokeStyle = ctx.fillStyle = colour(kind === "recovery" ? "failed" : kind === "resume" ? "accent" : "quiet");
    ctx.globalAlpha = gone ? 0.4 : 1;
    if (tall) {
      ctx.setLineDash(kind === "resume" ? [4 * ratio, 3 * ratio] : []);
      line(ctx, left, bbox.top + 10 * ratio, ground);
      ctx.fillText(SHAPES[kind], left, bbox.top + 9 * ratio);
    } else if ((bare && kind !== "best") || gone) line(ctx, left, ground - 4 * ratio, ground);
    else ctx.fillText(SHAPES[kind], left, ground - 2 * ratio);
  }
  ctx.restore();
}

function line(ctx, x, from, to) {
  ctx.beginPath();
  ctx.moveTo(x, from);
  ctx.lineTo(x, to);
  ctx.stroke();
}
