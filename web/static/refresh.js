// A page that stays true by itself: fetch the same page and swap the part marked `data-refresh="seconds"`.

import { clock, pause } from "./api.js";

const part = document.querySelector("[data-refresh]");
const note = document.getElementById("refresh-note");

async function again() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10_000) });
  if (!response.ok || response.redirected) throw new Error(String(response.status));
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(part.id);
  if (fresh && fresh.innerHTML !== part.innerHTML) swap(fresh);
}

function swap(fresh) {
  // The focus stays on the same link or button when that exists again.
  const { activeElement: focused } = document;
  const href = part.contains(focused) ? focused.getAttribute("href") : null;
  part.replaceChildren(...fresh.childNodes);
  if (href) part.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
}

/** Typing, an open dialog or a focused button must not be taken away under somebody's hand. */
function busy() {
  const { activeElement: focused } = document;
  return document.querySelector("dialog[open]") || (part.contains(focused) && focused.matches("input, select, textarea, button, summary"));
}

async function keep() {
  let good = Date.now();
  for (;;) {
    await pause(Number(part.dataset.refresh) * 1000);
    if (document.visibilityState === "hidden" || busy()) continue;
    try {
      await again();
      good = Date.now();
      if (note) note.hidden = true;
    } catch {
      if (!note) continue;
      note.textContent = note.dataset.text.replace("{time}", clock(good, true));
      note.hidden = false;
    }
  }
}

if (part) keep();
