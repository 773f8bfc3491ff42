// Numbers in words people read.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(count) {
  if (count === undefined || count === null) return "";
  const power = count < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(count) / 10));
  return `${Number((count / 1024 ** power).toPrecision(3))} ${UNITS[power]}`;
}

export function duration(seconds) {
  if (seconds === undefined || seconds === null) return "";
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  if (hours >= 48) return parts(Math.floor(hours / 24), "d", hours % 24, "h");
  if (hours > 0) return parts(hours, "h", minutes % 60, "min");
  return minutes > 0 ? parts(minutes, "min", whole % 60, "s") : `${whole} s`;
}

const parts = (great, unit, small, lesser) => small === 0 ? `${great} ${unit}` : `${great} ${unit} ${small} ${lesser}`;

export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(time)) / 1000);
  if (seconds < 5) return "just now";
  const minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (minutes < 1) return `${Math.floor(seconds)} s ago`;
  if (hours < 1) return `${Math.floor(minutes)} min ago`;
  return days < 1 ? `${Math.floor(hours)} h ago` : days < 30 ? `${Math.floor(days)} d ago` : moment(time).slice(0, 10);
}

// 2026-11-21 23:09:33 in the reader's time zone.
export function moment(time) {
  const date = new Date(time), two = number => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function short(value) {
  if (value === null || value === undefined) return "";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(4)));
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
