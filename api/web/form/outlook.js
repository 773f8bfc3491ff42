// What a request would run as: the dry run's memory estimate, its adjustments, its refusal.
import {el} from "/web/dom.js";
import {bytes, short} from "/web/words.js";

const PARTS = [["weights", "parameter_bytes"], ["gradients", "gradient_bytes"], ["optimizer", "optimizer_bytes"],
  ["activations", "activation_bytes"], ["gradient buckets", "bucket_bytes"], ["copy for checkpoints", "copy_bytes"]];

export function accepted({spec, adjustments, estimate}) {
  return [memory(estimate, spec), adjusted(adjustments)];
}

export function unreadable(number) {
  return el("p", {class: "wrong"}, `${number === 1 ? "One field" : `${number} fields`} cannot be sent as it stands; what is wrong stands there.`);
}

export function refused(problem, rest) {
  return [el("p", {class: "wrong"}, problem.fields.length === 0 ? problem.message : "This would be refused; what is wrong stands at its field."),
    rest.length === 0 ? null : el("ul", {class: "wrong"}, rest.map(({field, message}) => el("li", {}, field ? `${field}: ${message}` : message)))];
}

function memory(estimate, spec) {
  const asked = `The job asks for ${short(spec.resources.memory_gib)} GiB`;
  if (estimate === null) {
    return el("div", {}, el("p", {class: "figure"}, "memory not known"),
      el("p", {class: "quiet small"}, `No job of this data and model was measured here yet; the trainer measures it before its first step. ${asked}.`));
  }
  const parts = PARTS.filter(([, name]) => estimate[name] > 0);
  return el("div", {}, el("p", {class: "figure"}, bytes(estimate.total_bytes), el("span", {class: "quiet small"}, " of memory")),
    el("p", {class: "small"}, `${estimate.message[0].toUpperCase()}${estimate.message.slice(1)}, ${estimate.method}. ${asked}.`),
    el("dl", {class: "pairs small"}, el("dt", {}, "parameters"), el("dd", {}, estimate.parameters.toLocaleString("en")),
      parts.flatMap(([label, name]) => [el("dt", {}, label), el("dd", {}, bytes(estimate[name]))])));
}

function adjusted(adjustments) {
  if (adjustments.length === 0) return el("p", {class: "quiet small"}, "Everything runs as it stands in the form.");
  return el("div", {}, el("h3", {}, "Adjusted"), el("ul", {class: "plainlist small"}, adjustments.map(({field, asked, used, why}) =>
    el("li", {}, el("code", {}, field), ` ${JSON.stringify(asked)} becomes ${JSON.stringify(used)}: ${why}`))));
}
