// Ranges of an axis, closer and wider. Pure: no page, no plot.

const CLOSEST = 1e7, ROUNDING = 1e-9;

// Half of the range around a place, within the extent.
export function closer([low, high], [first, last], place) {
  const span = (high - low) / 2;
  if (span < (last - first) / CLOSEST) return [low, high];
  const from = Math.min(Math.max(place - span / 2, Math.max(low, first)), Math.min(high, last) - span);
  return [from, from + span];
}

// Twice the range within the extent; null where that is all there is.
export function wider([low, high], [first, last]) {
  const span = (high - low) * 2;
  if (span >= (last - first) * (1 - ROUNDING)) return null;
  const from = Math.min(Math.max((low + high - span) / 2, first), last - span);
  return [from, from + span];
}
