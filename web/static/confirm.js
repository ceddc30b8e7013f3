// A question before what cannot be taken back: <form data-confirm="Really?"> with its own button's words.

import { say } from "./api.js";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const question = form.dataset.confirm;
  if (!question || form.dataset.confirmed) return;
  event.preventDefault();
  const { submitter } = event;
  if (!(await agreed(question, submitter?.textContent ?? "OK"))) return;
  form.dataset.confirmed = "yes";
  form.requestSubmit(submitter ?? undefined);
});

/** Ask in a dialog; true if the button with the words `yes` was pressed. */
export function agreed(question, yes) {
  const dialog = document.createElement("dialog");
  dialog.className = "stack";
  const text = document.createElement("p");
  text.id = "question";
  text.textContent = question;
  dialog.setAttribute("aria-labelledby", "question");
  const go = button(yes, "danger");
  const no = button(say("cancel"), "");
  no.autofocus = true;
  const row = document.createElement("div");
  row.className = "row";
  row.append(go, no);
  dialog.append(text, row);
  go.addEventListener("click", () => dialog.close("yes"));
  no.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

function button(text, kind) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.textContent = text;
  return made;
}
