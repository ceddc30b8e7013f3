// Beside the list: one person's dialog, everybody at once, the headcount and the presence check.

import { ask, clock, say } from "./api.js";
import { agreed } from "./confirm.js";
import { uuid7 } from "./ids.js";

const AT_ONCE = 200;
const NAMES_MOST = 5; // the list shows who else is not green
const at = (id) => document.getElementById(id);

export class Room {
  /** `hooks`: {list, spoken(text), trouble(text), failed(name, error), unanswered(rows, error), refresh()}. */
  constructor(base, hooks) {
    this.base = base;
    this.hooks = hooks;
    this.row = null;
    at("about-close").addEventListener("click", () => at("about-person").close());
    at("do-sign-out").addEventListener("click", () => this.#note("/sign-outs", { about: this.row.event }));
    at("do-undo").addEventListener("click", () => this.#undo());
    at("do-state").addEventListener("submit", (event) => this.#state(event));
    at("all").addEventListener("click", () => this.#all());
    at("headcount").addEventListener("submit", (event) => this.#count(event));
    at("check-begin").addEventListener("click", () => this.#begin());
    at("check-now").addEventListener("click", () => this.#begin());
  }

  /** What the node says of the room. */
  show(roll) {
    this.hooks.list.checking = roll.check_open;
    const fields = { time: clock(roll.check_at ?? 0), seen: roll.seen, present: roll.present };
    put("check-state", say(roll.check_open ? "check_open" : roll.check_at ? "check_past" : "check_none", fields));
    at("check-begin").hidden = roll.check_open;
    at("check-note").hidden = !roll.check_due;
    put("check-due", say("check_due"));
    const counted = { people: roll.headcount, time: clock(roll.headcount_at ?? 0), present: roll.present };
    const whole = (seconds) => Math.min(seconds < roll.told_s ? 99 : 100, Math.round((100 * seconds) / roll.told_s));
    const part = (seconds) => `${whole(seconds)} %`;
    const shown = roll.told_s > 0 ? { picture: part(roll.picture_s), sound: part(roll.sound_s) } : {};
    put("proof", say(roll.told_s > 0 ? "proof" : "proof_none", shown));
    put("headcount-state", roll.headcount === null ? say("counted_none") : say("counted", counted));
  }

  /** Open the dialog of a person; `wanted`: what is to be filled in there. */
  about(row, now, wanted = "") {
    this.row = row;
    at("about-name").textContent = row.name;
    at("about-now").textContent = now;
    at("about-said").textContent = wanted;
    at("do-sign-out").hidden = !row.present;
    at("do-undo").hidden = !row.event;
    at("do-state").reset();
    at("about-person").showModal();
    if (wanted) at("why").focus();
  }

  async see(row) {
    const { sightings } = this.hooks.list;
    try {
      if (row.seen) {
        await ask("POST", `${this.base}/undo`, { event: sightings.get(row.key) });
        sightings.delete(row.key);
      } else {
        const { event } = await ask("POST", `${this.base}/presence-checks/seen`, { about: row.event, event: uuid7() });
        sightings.set(row.key, event);
      }
      this.hooks.spoken(say("done", { name: row.called ?? row.name }));
    } catch (error) {
      this.hooks.failed(row.called ?? row.name, error);
    }
    await this.hooks.refresh();
  }

  async #note(path, body) {
    try {
      await ask("POST", this.base + path, body);
      at("about-person").close();
      this.hooks.spoken(say("done", { name: this.row.called ?? this.row.name }));
    } catch (error) {
      at("about-said").textContent = say("refused", { name: this.row.called ?? this.row.name, reason: error.offline ? say("unsaved_walk_in") : error.message });
    }
    await this.hooks.refresh();
  }

  async #undo() {
    const reason = at("why").value.trim();
    if (this.row.reason && !reason) {
      at("about-said").textContent = say("undo_why"); // as what is taken back was not written without one
      return at("why").focus();
    }
    return this.#note("/undo", { event: this.row.event, ...(reason ? { reason } : {}) });
  }

  async #state(event) {
    event.preventDefault();
    const what = at("what").value;
    const who = this.row.person ? { person: this.row.person } : { about: this.row.event };
    const body = { ...who, reason: at("why").value.trim(), event: uuid7() };
    if (what === "leave" && !this.row.present) await this.#note("/leaves", body);
    else if (what === "late") await this.#note("/statements", { ...body, state: "present", late: true });
    else await this.#note("/statements", { ...body, state: what });
  }

  async #all() {
    const rows = this.hooks.list.shownUnmarked();
    if (!rows.length) return this.hooks.spoken(say("all_none"));
    const n = rows.length;
    if (!(await agreed(say("all_question", { n }), say("all_yes", { n })))) return;
    const ticked = rows.map((row) => ({ ...row, mine: uuid7() }));
    const results = [];
    try {
      while (results.length < n) {
        const people = ticked.slice(results.length, results.length + AT_ONCE).map(({ person, mine }) => ({ person, event: mine }));
        results.push(...(await ask("POST", `${this.base}/check-ins/many`, { people }, { timeoutMs: 60_000 })).results);
      }
    } catch (error) {
      this.hooks.unanswered(ticked.slice(results.length), error);
    }
    this.#told(ticked, results);
    await this.hooks.refresh();
  }

  /** How many were saved; who was not, and why. */
  #told(ticked, results) {
    const refused = new Map(); // why → names
    results.forEach(({ code, message }, place) => {
      if (code) refused.set(message, [...(refused.get(message) ?? []), ticked[place].called]);
    });
    const saved = results.filter(({ code }) => !code).length;
    if (saved === ticked.length) return this.hooks.spoken(say("all_done", { n: saved }));
    const why = [...refused].map(([reason, names]) => say("refused", { name: listed(names), reason }));
    if (why.length) this.hooks.trouble([say("all_some", { saved, n: ticked.length }), ...why].join(" "));
  }

  async #count(event) {
    event.preventDefault();
    try {
      await ask("POST", `${this.base}/headcounts`, { people: Number(at("counted").value), event: uuid7() });
      at("headcount").reset();
    } catch (error) {
      this.hooks.failed("", error);
    }
    await this.hooks.refresh();
  }

  async #begin() {
    try {
      await ask("POST", `${this.base}/presence-checks`, { event: uuid7() });
      this.hooks.list.sightings.clear();
    } catch (error) {
      this.hooks.failed("", error);
    }
    await this.hooks.refresh();
    // The button that was pressed has gone: on to the first person to look for.
    const next = document.querySelector(".person:not([hidden]) .see:not([hidden])") ?? at("search");
    if (at("check-begin").hidden) next.focus();
  }
}

function listed(names) {
  const shown = names.slice(0, NAMES_MOST).join(", ");
  return names.length > NAMES_MOST ? say("and_more", { names: shown, n: names.length - NAMES_MOST }) : shown;
}

function put(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}
