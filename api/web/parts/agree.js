// What was agreed to in a dialog: asked once, and its outcome told wherever the user is by then. Pure: what it touches is given.
import {busy} from "./busy.js";

// work() begins once however often `pressed` is. A failure stands in `trouble`, or goes to missed(error) where the dialog
// was closed meanwhile. done() after it went well.
export function agree({pressed, box, trouble}, work, {done, missed}) {
  return busy(pressed, pressed.textContent, async () => {
    trouble.textContent = "";
    try {
      await work();
    } catch (error) {
      if (!box.open) return missed(error);
      trouble.textContent = error.message;
      return;
    }
    box.close();
    done();
  });
}
