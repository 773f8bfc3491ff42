// What a job left: its figures, which open large, and its files to download.
import {blobUrl} from "/web/api.js";
import {button, dialog, el, redraw, table, toast} from "/web/dom.js";
import {busy} from "/web/parts/busy.js";
import {Urls} from "/web/parts/urls.js";
import {bytes} from "/web/words.js";

const isFigure = item => item.media_type.startsWith("image/");

export function filesPart() {
  const figures = el("div", {class: "figures"}), files = el("div");
  const root = el("section", {"aria-label": "Figures and files"}, el("h2", {}, "Figures and files"), figures, files);
  const urls = new Urls(url => URL.revokeObjectURL(url));
  const show = artifacts => {
    const images = artifacts.filter(isFigure);
    urls.keep(images.map(item => item.sha256));
    redraw(figures, images.map(item => item.sha256), () => images.map((item, index) => thumbnail(item, () => open(images, index, urls), urls)));
    redraw(files, artifacts, () => artifacts.length === 0 ? el("p", {class: "quiet"}, "None yet. A job leaves its results, figures and report when it ends.") :
      table(["File", "Size", ""], artifacts.map(item => [item.path, bytes(item.bytes), downloadButton(() => item, {"aria-label": `Download ${item.path}`})])));
  };
  const leave = () => urls.keep([]);
  return {root, show, leave};
}

function image(item, urls) {
  const picture = el("img", {alt: name(item)});
  urls.of(item.sha256, () => blobUrl(item.href)).then(url => {
    if (picture.isConnected) picture.src = url; // else the URL may be revoked already
  }, error => toast(`${name(item)}: ${error.message}`, "failed"));
  return picture;
}

const name = item => item.path.split("/").at(-1).replace(/\.\w+$/, "").replaceAll("_", " ");

function thumbnail(item, onclick, urls) {
  return el("figure", {}, button("", onclick, {class: "thumbnail", "aria-label": `Open figure ${name(item)}`}), el("figcaption", {class: "quiet small"}, name(item)))
    .firstChild.appendChild(image(item, urls)).closest("figure");
}

function open(images, first, urls) {
  let at = first;
  const holder = el("div", {class: "large"});
  const show = () => {
    holder.replaceChildren(image(images[at], urls));
    place.textContent = `${name(images[at])}, ${at + 1} of ${images.length}`;
  };
  const move = by => () => {
    at = (at + by + images.length) % images.length;
    show();
  };
  const place = el("span", {class: "quiet", role: "status"});
  const box = dialog("Figure", [holder], close => [place, button("Previous", move(-1), {disabled: images.length === 1}),
    button("Next", move(1), {disabled: images.length === 1}), downloadButton(() => images[at]), button("Close", close)]);
  box.classList.add("wide-dialog");
  box.addEventListener("keydown", event => {
    if (event.key === "ArrowLeft") move(-1)();
    if (event.key === "ArrowRight") move(1)();
  });
  show();
}

const downloadButton = (chosen, attributes) =>
  button("Download", event => busy(event.currentTarget, "Downloading", () => download(chosen())), attributes);

async function download(item) {
  try {
    const url = await blobUrl(item.href);
    el("a", {href: url, download: item.path.split("/").at(-1)}).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    toast(error.message, "failed");
  }
}
