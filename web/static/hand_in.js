// Handing the attendance in, and taking it up again. What is shown is what the node has on disk.

import { ask, clock, say } from "./api.js";
import { agreed } from "./confirm.js";
import { uuid7 } from "./ids.js";

const ASK_MS = 5_000;
const at = (id) => document.getElementById(id);
const path = `/api/lectures/${at("people").dataset.lecture}/closing`;

async function refresh() {
  try {
    const [closing, node] = await Promise.all([ask("GET", path), ask("GET", "/api/node")]);
    show(closing, node);
  } catch {
    // the state bar says that the node does not answer
  }
}

function show({ closed, at: when }, { link, pending_events: pending }) {
  if (at("reopen").hidden === closed) at("hand-in-said").textContent = ""; // what was not answered was done all the same
  at("hand-in").hidden = closed;
  at("reopen").hidden = !closed;
  document.body.classList.toggle("closed", closed);
  if (!closed) return tell("hand_in_open");
  const waiting = link.state === "connected" ? "handed_in_under_way" : "handed_in_pending";
  return tell(pending ? waiting : "handed_in", { time: clock(when), n: pending });
}

function tell(key, fields = {}) {
  const text = say(key, fields);
  if (at("hand-in-state").textContent !== text) at("hand-in-state").textContent = text;
}

function failed(error) {
  at("hand-in-said").textContent = say("refused_hand_in", { reason: error.offline ? say("unsaved_walk_in") : error.message });
}

at("hand-in").addEventListener("click", async () => {
  if (!(await agreed(say("hand_in_question"), say("hand_in_yes")))) return;
  at("hand-in-said").textContent = "";
  try {
    // Each press is a closing of its own: one that stands is not made twice, and one that was lost may be opened again.
    await ask("POST", path, { event: uuid7() });
  } catch (error) {
    failed(error);
  }
  await refresh();
});

at("reopen").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("hand-in-said").textContent = "";
  try {
    await ask("POST", `${path}/reopen`, { reason: at("reopen-reason").value.trim() });
    at("reopen").reset();
  } catch (error) {
    failed(error);
  }
  await refresh();
});

for (;;) {
  await refresh();
  await new Promise((resolve) => setTimeout(resolve, ASK_MS));
}
