// Elements made to look like others of the same kind, so that none is replaced under the pointer, the focus or the reader.

// `old` with the looks of `made`, or `made` itself where `old` is of another kind. Listeners are those of `old`, and a
// <details> stays as open as it was.
export function mended(old, made) {
  if (old === null || old === undefined || old.nodeName !== made.nodeName) return made;
  if (old.nodeName === "#text") {
    if (old.data !== made.data) old.data = made.data;
    return old;
  }
  const isOwn = name => name === "open" && old.nodeName === "DETAILS";
  for (const {name} of [...old.attributes]) if (!made.hasAttribute(name) && !isOwn(name)) old.removeAttribute(name);
  for (const {name, value} of made.attributes) if (old.getAttribute(name) !== value && !isOwn(name)) old.setAttribute(name, value);
  arrange(old, pairs([...old.childNodes], [...made.childNodes]).map(([before, after]) => mended(before, after)));
  return old;
}

// [what was there or null, what is to be there]: known again by `data-row`, else by their place among those without.
export function pairs(old, made) {
  const key = node => node.dataset?.row, plain = old.filter(node => key(node) === undefined);
  const known = new Map(old.map(node => [key(node), node]));
  return made.map(node => [(key(node) === undefined ? plain.shift() : known.get(key(node))) ?? null, node]);
}

// The holder's children are `nodes`, in this order; what stands right already is not touched.
export function arrange(holder, nodes) {
  const wanted = new Set(nodes), focused = holder.contains(document.activeElement) ? document.activeElement : null;
  for (const node of [...holder.childNodes]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, index) => {
    if (holder.childNodes[index] !== node) holder.insertBefore(node, holder.childNodes[index] ?? null);
  });
  if (focused !== null && document.activeElement !== focused) focused.focus({preventScroll: true}); // it moved with its row
}
