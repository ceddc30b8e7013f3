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
export async function agreed(question, yes) {
  return (await chosen(question, { yes }, "danger")) === "yes";
}

/** Ask in a dialog with a button for each of `choices` (name → words); the name of the one that was pressed, else "". */
export function chosen(question, choices, kind = "") {
  const dialog = document.createElement("dialog");
  dialog.className = "stack";
  const text = document.createElement("p");
  text.id = "question";
  text.textContent = question;
  dialog.setAttribute("aria-labelledby", "question");
  const buttons = Object.entries(choices).map(([name, words]) => {
    const made = button(words, kind);
    made.addEventListener("click", () => dialog.close(name));
    return made;
  });
  const no = button(say("cancel"), "");
  no.autofocus = true;
  const row = document.createElement("div");
  row.className = "row";
  row.append(...buttons, no);
  dialog.append(text, row);
  no.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
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
