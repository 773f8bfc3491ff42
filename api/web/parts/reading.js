// What a curve says at a place of its axis. Pure: no page, no plot.

// points: [[x, y], ...] by x; y is NaN where the value was not finite, null where nothing was known in between. Answers
// the index of the point nearest to the place, of the newest one where the place is null; -1 where there is none.
export function nearest(points, place) {
  if (place === null) return known(points, points.length - 1, -1);
  const behind = firstFrom(points.length, index => points[index][0], place);
  const left = known(points, behind - 1, -1), right = known(points, behind, 1);
  if (left < 0 || right < 0) return Math.max(left, right);
  return place - points[left][0] <= points[right][0] - place ? left : right;
}

// The value there; undefined where the curve has no point.
export function readingAt(points, place) {
  return points[nearest(points, place)]?.[1];
}

export function print(value, format) {
  if (value === undefined) return "–";
  return Number.isFinite(value) ? format(value) : "not finite";
}

// The first of `count` sorted values that is not below `least`; `count` where all are.
export function firstFrom(count, valueAt, least) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

function known(points, from, stride) {
  let index = from;
  while (index >= 0 && index < points.length && points[index][1] === null) index += stride;
  return index < points.length ? index : -1;
}
