// The list of people as buttons: keeps each person's element (and the focus on it) while what is known changes.

import { clock, say } from "./api.js";

const METHODS = { code: "by_code", walk_in: "by_walk_in", badge: "by_card", kiosk: "by_card" };
const POINT_MS = 4_000;

export const keyOf = (row) => row.person ?? row.event ?? row.name;

export class PersonList {
  /** `handlers` {tick(row), undo(row), more(row), see(row)}; a row is the API's PersonRow plus `key` and `called`: the
   *  name, with the number if another of the list bears it too. */
  constructor(element, template, handlers) {
    this.element = element;
    this.template = template;
    this.handlers = handlers;
    this.rows = new Map();
    this.items = new Map();
    this.marks = new Map(); // key → "saving" | "unsaved"
    this.names = new Map(); // name → how many bear it
    this.checking = false; // a presence check is held
    this.sightings = new Map(); // key → the event by which this page marked the person as seen
  }

  /** The node's list; people in `unsaved` keep their mark. */
  replace(people, unsaved) {
    const rows = people.map((person) => ({ ...person, key: keyOf(person) }));
    this.names = new Map();
    for (const { name } of rows) this.names.set(name, (this.names.get(name) ?? 0) + 1);
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, item] of this.items) {
      if (keys.has(key) || unsaved.has(key)) continue;
      item.remove();
      this.items.delete(key);
      this.rows.delete(key);
      this.marks.delete(key);
    }
    let place = this.element.firstElementChild;
    for (const row of rows) {
      this.update(row);
      const item = this.items.get(row.key);
      if (item === place) place = place.nextElementSibling;
      else this.element.insertBefore(item, place);
    }
  }

  update(row) {
    row.called = this.names.get(row.name) > 1 && row.number ? `${row.name} (${row.number})` : row.name;
    this.rows.set(row.key, row);
    if (row.present) this.marks.delete(row.key);
    if (!this.items.has(row.key)) this.#make(row.key);
    this.#show(row.key);
  }

  mark(key, mark) {
    if (mark) this.marks.set(key, mark);
    else this.marks.delete(key);
    this.#show(key);
  }

  /** It was ticked before this page was opened, and is not saved yet. */
  waiting(key) {
    if (!this.marks.has(key)) this.mark(key, "unsaved");
  }

  #make(key) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    item.querySelector(".tick").addEventListener("click", () => {
      const row = this.rows.get(key);
      if (!row.present && this.marks.get(key) !== "saving") this.handlers.tick(row);
    });
    item.querySelector(".undo").addEventListener("click", () => {
      if (this.marks.get(key) !== "saving") this.handlers.undo(this.rows.get(key));
      item.querySelector(".tick").focus();
    });
    for (const what of ["more", "see"]) {
      item.querySelector(`.${what}`).addEventListener("click", () => this.handlers[what](this.rows.get(key)));
    }
    this.items.set(key, item);
    this.element.append(item);
  }

  #show(key) {
    const item = this.items.get(key);
    if (!item) return; // ticked before this page was opened, and the node has not said who is on its list
    const row = this.rows.get(key);
    const mark = this.marks.get(key) ?? null;
    const present = row.present && mark !== "saving";
    item.classList.toggle("present", present);
    item.classList.toggle("excused", !present && !mark && Boolean(row.state) && row.state !== "signed_out");
    item.classList.toggle("seen", Boolean(row.seen));
    item.classList.toggle("saving", mark === "saving");
    item.classList.toggle("unsaved", mark === "unsaved");
    item.querySelector(".name").textContent = row.name;
    item.querySelector(".about").textContent = about(row, mark);
    const tick = item.querySelector(".tick");
    tick.setAttribute("aria-pressed", String(present));
    if (present) tick.setAttribute("aria-disabled", "true");
    else tick.removeAttribute("aria-disabled");
    const see = item.querySelector(".see");
    see.hidden = !present || !this.checking || (row.seen && !this.sightings.has(key));
    see.textContent = say(row.seen ? "unsee" : "see");
    see.setAttribute("aria-label", say(row.seen ? "unsee_of" : "see_of", { name: row.called }));
    const undo = item.querySelector(".undo");
    undo.hidden = !present || this.checking;
    item.querySelector(".more").setAttribute("aria-label", say("more_of", { name: row.called }));
    undo.setAttribute("aria-label", say("undo_of", { name: row.called }));
  }

  /** Show those whose name or number has `text`, or whose name is typed so; answers how many are shown. */
  filter(text) {
    const wanted = text.replaceAll(/\s/g, "").toLowerCase();
    let shown = 0;
    for (const [key, item] of this.items) {
      const { name, number, spellings = "" } = this.rows.get(key);
      const known = `${name}\n${number ?? ""}`.replaceAll(/[^\S\n]/g, "").toLowerCase();
      item.hidden = !known.includes(wanted) && !spellings.split(" ").some((typed) => typed.startsWith(wanted));
      if (!item.hidden) shown += 1;
    }
    return shown;
  }

  /** Show where the row of this event stands; false where it is not shown. */
  point(event) {
    const key = [...this.rows].find(([, row]) => row.event === event)?.[0];
    const item = this.items.get(key);
    if (!item || item.hidden) return false;
    item.scrollIntoView({ block: "center" });
    item.classList.add("pointed");
    setTimeout(() => item.classList.remove("pointed"), POINT_MS);
    return true;
  }

  /** Those of exactly this name, however it is spaced. */
  named(name) {
    const bare = (text) => text.replaceAll(/\s/g, "").toLowerCase();
    return [...this.rows.values()].filter((row) => bare(row.name) === bare(name));
  }

  onlyAbsentMatch() {
    const found = [...this.items].filter(([key, item]) => !item.hidden && !this.rows.get(key).present);
    return found.length === 1 ? this.rows.get(found[0][0]) : null;
  }

  /** Those of the roster that are shown and of whom nothing is written down yet. */
  shownUnmarked() {
    return [...this.items]
      .filter(([key, item]) => !item.hidden && !this.rows.get(key).state && this.rows.get(key).person && !this.marks.has(key))
      .map(([key]) => this.rows.get(key));
  }

  #buttons() {
    return [...this.element.querySelectorAll(".person:not([hidden]) .tick")];
  }

  focusFirst() {
    this.#buttons()[0]?.focus();
  }

  /** Arrow keys, over as many columns as there are; false at the upper edge. */
  move(key) {
    const buttons = this.#buttons();
    const here = buttons.findIndex((button) => button.closest("li").contains(document.activeElement));
    const top = (button) => button.getBoundingClientRect().top;
    const columns = Math.max(1, buttons.filter((button) => Math.abs(top(button) - top(buttons[0])) < 4).length);
    const step = { ArrowDown: columns, ArrowUp: -columns, ArrowLeft: -1, ArrowRight: 1 }[key];
    if (here + step < 0) return false;
    buttons[Math.min(here + step, buttons.length - 1)]?.focus();
    return true;
  }
}

/** What stands beside the name. */
export function about(row, mark) {
  if (mark) return [row.number, say(mark)].filter(Boolean).join(" · "); // the number: it may tell namesakes apart
  const parts = [row.number, row.guest ? say("guest") : null];
  if (!row.present && row.elsewhere) parts.push(say("elsewhere", { venue: row.elsewhere.name }));
  if (row.state === "leave") parts.push(say("leave_for", { reason: row.reason }));
  if (row.state === "signed_out") parts.push(say("left_at", { time: clock(row.until) }));
  if (row.state === "makeup") parts.push(say("state_makeup"));
  if (row.state === "absent") parts.push(say("state_absent", { reason: row.reason }));
  if (row.late) parts.push(say("marked_late"));
  if (row.seen) parts.push(say("seen"));
  if (row.present) parts.push(say("present_since", { time: clock(row.at) }), METHODS[row.method] ? say(METHODS[row.method]) : null);
  return parts.filter(Boolean).join(" · ");
}
