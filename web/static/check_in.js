// A phone checks in: remembers who it is, sends once more when the network fails, says plainly what happened.

import { ask, clock, pause, say } from "./api.js";

const KEY = "tongtang.me";
const TRIES = 3;
const form = document.getElementById("check-in");
const fields = { number: document.getElementById("number"), name: document.getElementById("name") };
const trouble = document.getElementById("trouble");
const success = document.getElementById("success");

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // no storage (private window) or not ours
  }
}

function remember(me) {
  try {
    if (document.getElementById("remember").checked) localStorage.setItem(KEY, JSON.stringify(me));
    else localStorage.removeItem(KEY);
  } catch {
    // Without storage the person types again next time.
  }
}

/** A repeat is safe: who is checked in already stays so. */
async function send(body) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask("POST", "/api/check-in", body, { timeoutMs: 8_000 });
    } catch (error) {
      if (!error.offline || attempt === TRIES) throw error;
      await pause(500 * 2 ** attempt * Math.random());
    }
  }
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const me = { number: fields.number.value.trim(), name: fields.name.value.trim() };
  const button = form.querySelector("button");
  button.disabled = true;
  button.textContent = say("sending");
  trouble.hidden = true;
  try {
    const done = await send({ code: form.dataset.code, ...me });
    remember(me);
    celebrate(done);
  } catch (error) {
    trouble.textContent = error.offline ? say("offline") : error.message;
    trouble.hidden = false;
    trouble.focus();
  }
  button.disabled = false;
  button.textContent = say("check_in");
});

function celebrate({ name, captured_at: time, already, title, guest }) {
  form.hidden = true;
  document.getElementById("intro").hidden = true;
  document.getElementById("who").textContent = name;
  document.getElementById("when").textContent = say(already ? "already" : "at", { time: clock(time) });
  document.getElementById("what").textContent = title;
  document.getElementById("guest").hidden = !guest;
  success.hidden = false;
  success.focus();
}

if (form) {
  const me = remembered();
  fields.number.value ||= me.number ?? "";
  fields.name.value ||= me.name ?? "";
}
