// A phone checks in: sends once more when the network fails, says plainly what happened. The phone's cookies, which no
// script can read, say whose it is.

import { ask, clock, pause, say } from "./api.js";

const TRIES = 3;
const trouble = document.getElementById("trouble");
const success = document.getElementById("success");

try {
  localStorage.removeItem("tongtang.me"); // where the first version kept name and number
} catch {
  // no storage: nothing was kept
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

function onSubmit(form, body) {
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const words = button.textContent;
    button.disabled = true;
    button.textContent = say("sending");
    trouble.hidden = true;
    try {
      celebrate(await send({ code: form.dataset.code, ...body() }));
    } catch (error) {
      if (error.code === "not_remembered") location.replace(document.getElementById("else").href);
      trouble.textContent = error.offline ? say("offline") : error.message;
      trouble.hidden = false;
      trouble.focus();
    }
    button.disabled = false;
    button.textContent = words;
  });
}

const value = (id) => document.getElementById(id).value.trim();
onSubmit(document.getElementById("me"), () => ({ as_remembered: true }));
onSubmit(document.getElementById("check-in"), () => ({
  number: value("number"),
  name: value("name"),
  remember: document.getElementById("remember").checked,
}));

function celebrate({ name, captured_at: time, already, title, guest }) {
  for (const id of ["intro", "known", "check-in"]) document.getElementById(id)?.setAttribute("hidden", "");
  document.getElementById("who").textContent = name;
  document.getElementById("when").textContent = say(already ? "already" : "at", { time: clock(time) });
  document.getElementById("what").textContent = title;
  document.getElementById("guest").hidden = !guest;
  success.hidden = false;
  success.focus();
}
