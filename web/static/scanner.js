// A card scanner at the keyboard's plug: its keys are taken before anything on the page sees them, wherever the focus is.

import { ScannerKeys } from "./scanner_keys.js";

const LOOK_MS = 200;
const AFTER_MS = 120; // some scanners send a line feed (Ctrl+J) after Enter
const WRITABLE = "input, textarea, select, [contenteditable]";

/** Call `read(payload)` for each card. */
export function listen(read) {
  const keys = new ScannerKeys();
  let typed = null; // {element, value}: where the first digits went before they were known for a scanner's
  let composed = null; // what stood in a field before an input method began its word

  addEventListener("compositionstart", ({ target }) => (composed = { element: target, value: target.value }), true);
  addEventListener("compositionend", () => (composed = null), true);

  let doneAt = -AFTER_MS;

  function pressed(event) {
    if (event.repeat) return;
    const before = keys.scanning;
    const { scanning, ours, payload } = keys.press(event, event.timeStamp);
    if (keys.digits.length === 1) typed = composed ?? fieldOf(event.target);
    if (payload) doneAt = event.timeStamp;
    if (ours || event.timeStamp - doneAt < AFTER_MS) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    // Without the focus an input method gives its word up, and sees no more of the keys.
    if (scanning && !before) typed?.element.blur();
    if (before && !scanning) giveBack();
    if (payload) read(payload);
  }

  /** As if the scanner had typed nothing. */
  function giveBack() {
    const back = typed;
    typed = null;
    if (!back) return;
    back.element.value = back.value;
    back.element.dispatchEvent(new Event("input", { bubbles: true }));
    back.element.focus({ preventScroll: true });
  }

  addEventListener("keydown", pressed, true);
  setInterval(() => {
    const before = keys.scanning;
    const payload = keys.quiet(performance.now());
    if (before && !keys.scanning) giveBack();
    if (payload) read(payload);
  }, LOOK_MS);
}

function fieldOf(element) {
  return element instanceof HTMLElement && element.matches(WRITABLE) && "value" in element ? { element, value: element.value } : null;
}
