// A button that shows that its work goes on. Pure: the button is what it is given.

// The button says `word` until work() settled; presses meanwhile begin nothing.
export async function busy(button, word, work) {
  if (button.ariaBusy === "true") return;
  const label = button.textContent;
  Object.assign(button, {ariaBusy: "true", textContent: word});
  try {
    await work();
  } finally {
    Object.assign(button, {ariaBusy: "false", textContent: label});
  }
}
