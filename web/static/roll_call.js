// The roll-call: tick, undo, walk-in. Green only after the node said "saved".

import { ask, clock, say } from "./api.js";
import { chosen } from "./confirm.js";
import { uuid7 } from "./ids.js";
import { KeptCards, passes } from "./kept_cards.js";
import { KeptTicks } from "./kept_ticks.js";
import { about, PersonList } from "./person_list.js";
import { Room } from "./room.js";
import { listen } from "./scanner.js";
import { StateBar } from "./state_bar.js";

const ASK_MS = 3_000;
const RETRY_MS = 2_000;
const at = (id) => document.getElementById(id);
const { lecture, venue } = at("people").dataset;
const base = `/api/lectures/${lecture}`;
const handlers = { tick, undo, more: (row) => room.about(row, about(row, null)), see: (row) => room.see(row) };
const list = new PersonList(at("people"), at("person"), handlers);
const room = new Room(base, { list, spoken, trouble, refresh, failed, unanswered });
const bar = new StateBar(at("statebar"));
const kept = new KeptTicks(localStorage, `${lecture}:${venue}`);
const unsaved = kept.read(); // key of a person → the row that was ticked but is not on the node's disk yet
let offlineSince = null;
let signedOut = false; // until somebody who may tick here has signed in again
let keepsNothing = false; // until the next tick that is saved
let asked = 0; // counts answers: one that was asked before a tick must not turn that tick back

// Saving --------------------------------------------------------------------------------------------------------

async function tick(row) {
  const ticked = { ...row, mine: uuid7() }; // made once: however often it is sent, it is one check-in
  unsaved.set(row.key, ticked);
  kept.write(unsaved);
  list.mark(row.key, "saving");
  await save(ticked);
}

async function save(row) {
  try {
    asked += 1;
    const who = row.person ? { person: row.person } : { name: row.name, ...(row.number ? { number: row.number } : {}) };
    const event = await ask("POST", `${base}/check-ins`, { ...who, event: row.mine });
    unsaved.delete(row.key);
    kept.write(unsaved);
    online(true);
    list.update({ ...row, present: true, state: "present", event: event.event, at: event.captured_at, method: event.method });
    spoken(say("saved", { name: row.called ?? row.name }));
    await refresh();
    return true;
  } catch (error) {
    if (passes(error)) {
      list.mark(row.key, "unsaved"); // stays in `unsaved`: retried until the node says yes or no
      offline(error);
      return false;
    }
    unsaved.delete(row.key);
    kept.write(unsaved);
    list.mark(row.key, null);
    failed(row.called ?? row.name, error);
    return false;
  }
}

async function undo(row) {
  if (row.reason) return room.about(row, about(row, null), say("undo_why")); // not a tick: somebody gave a reason for it
  list.mark(row.key, "saving");
  try {
    asked += 1;
    await ask("POST", `${base}/undo`, { event: row.event });
    list.update({ ...row, present: false, state: "", event: null, at: null });
    list.mark(row.key, null);
    spoken(say("undone", { name: row.called ?? row.name }));
    online(true);
  } catch (error) {
    list.mark(row.key, null); // still present: nothing was undone
    failed(row.called ?? row.name, error);
  }
  await refresh();
}

async function retry() {
  for (const row of [...unsaved.values()]) {
    if (!(await save(row)) && (offlineSince || signedOut)) break;
  }
  setTimeout(retry, RETRY_MS * (0.5 + Math.random()));
}

// A card under the operator's scanner
const cards = new KeptCards(localStorage, `${lecture}:${venue}`, () => `${base}/badges`, {
  async answered(card, { name, event, outcome }) {
    asked += 1;
    online(true);
    await refresh();
    if (list.point(event)) return spoken(say(outcome === "already" ? "was_already" : "saved", { name }));
    at("search").value = ""; // whoever it is was not among those that are shown
    search();
    list.point(event);
    return spoken(say("saved", { name }));
  },
  refused: (card, error) => failed(say("the_card"), error),
  waits: (card, error) => offline(error),
});
listen((payload) => {
  trouble("");
  cards.add(payload, null);
});

addEventListener("beforeunload", (event) => {
  if (unsaved.size || cards.waiting) event.preventDefault();
});

// What the node knows -------------------------------------------------------------------------------------------

async function refresh() {
  const mine = ++asked;
  try {
    const [roll, node] = await Promise.all([ask("GET", `${base}/roll-call`), ask("GET", "/api/node")]);
    online();
    bar.node(node);
    if (mine !== asked) return; // something was ticked meanwhile: the next answer knows better
    room.show(roll);
    list.replace(roll.people, unsaved);
    for (const key of unsaved.keys()) if (list.rows.has(key)) list.waiting(key);
    bar.count(roll);
    search();
  } catch (error) {
    if (passes(error)) offline(error);
    else trouble(error.message);
  }
}

async function picture() {
  const stream = await ask("GET", `${base}/stream`).catch(() => null);
  bar.picture(stream);
}

function online(saved = false) {
  bar.reached(true);
  if (keepsNothing && !saved) return; // it answers, but what was ticked is not saved yet
  if (offlineSince || signedOut) trouble("");
  offlineSince = null;
  signedOut = false;
  keepsNothing = false;
}

function offline(error) {
  signedOut = error.signedOut;
  if (signedOut) return trouble(say("signed_out"));
  keepsNothing = error.keepsNothing;
  if (keepsNothing) {
    offlineSince ??= Date.now();
    return trouble(error.message); // the node's own words: what is to be done
  }
  if (error.status === 0 || error.status >= 500) offlineSince ??= Date.now();
  trouble(say("offline", { time: clock(offlineSince ?? Date.now()) }));
  bar.reached(false);
}

function failed(name, error) {
  if (error.offline || error.signedOut) offline(error);
  else trouble(say(name ? "refused" : "refused_hand_in", { name, reason: error.message }));
}

/** Many who were ticked at once, without an answer of the node: each is tried again for itself. */
function unanswered(rows, error) {
  if (!passes(error)) return failed("", error);
  for (const row of rows) {
    unsaved.set(row.key, row);
    list.mark(row.key, "unsaved");
  }
  kept.write(unsaved);
  offline(error);
}

function trouble(text) {
  if (at("trouble").textContent !== text) at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

function spoken(text) {
  at("said").textContent = text;
}

// Search, keyboard, walk-in -------------------------------------------------------------------------------------

function search() {
  const shown = list.filter(at("search").value);
  at("nobody").hidden = shown > 0;
  at("nobody").textContent = say(list.rows.size ? "nobody" : "no_roster");
}

at("search").addEventListener("input", search);
at("search").addEventListener("keydown", (event) => {
  if (event.isComposing) return; // Enter belongs to the Chinese input method
  if (event.key === "ArrowDown") {
    event.preventDefault();
    list.focusFirst();
  }
  if (event.key === "Enter") {
    event.preventDefault();
    const row = list.onlyAbsentMatch();
    if (!row) return;
    tick(row);
    at("search").value = "";
    search();
  }
});
at("people").addEventListener("keydown", (event) => {
  if (event.key === "Escape") at("search").select();
  if (["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"].includes(event.key)) {
    event.preventDefault();
    if (!list.move(event.key)) at("search").focus();
  }
});

/** Somebody of this name is on the list: is it the same person? True if nobody is to be added. */
async function isOnList(name) {
  const found = list.named(name);
  if (!found.length) return false;
  const absent = found.filter((row) => !row.present && !row.guest);
  const [question, that] = absent.length ? ["walk_on_list", "walk_tick"] : ["walk_here", "walk_same"];
  const answer = await chosen(say(question, { name: found[0].name }), { that: say(that), other: say("walk_other") });
  if (answer === "other") return false;
  if (answer === "that") {
    emptyWalkIn(name, "");
    if (absent.length === 1) tick(absent[0]);
    else if (absent.length) {
      at("search").value = found[0].name; // which of the namesakes?
      search();
      list.focusFirst();
    }
  }
  return true;
}

/** Empty the boxes of the walk-in, unless the next name is being typed there already. */
function emptyWalkIn(name, number) {
  if (at("walk-name").value.trim() === name && at("walk-number").value.trim() === number) at("walk-in").reset();
}

let walkIn = null; // the walk-in that was sent last and is not known to be saved
at("walk-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = at("walk-name").value.trim();
  const number = at("walk-number").value.trim();
  if (!name) return;
  at("walk-said").textContent = "";
  const same = walkIn?.name === name && walkIn.number === number;
  if (!number && !same && (await isOnList(name))) return;
  walkIn = same ? walkIn : { name, number, event: uuid7() };
  const button = event.submitter ?? at("walk-in").querySelector("button");
  button.disabled = true;
  at("walk-said").textContent = say("saving");
  try {
    await ask("POST", `${base}/check-ins`, { name, ...(number ? { number } : {}), event: walkIn.event });
    walkIn = null;
    at("walk-said").textContent = say("saved", { name });
    emptyWalkIn(name, number);
    at("walk-name").focus();
    online(true);
    await refresh();
  } catch (error) {
    // The words stay in the boxes: nothing is lost, and nothing is counted before it is saved.
    at("walk-said").textContent = say("refused", { name, reason: error.offline ? say("unsaved_walk_in") : error.message });
  }
  button.disabled = false;
});

async function forever(work, ms) {
  for (;;) {
    await work();
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

forever(refresh, ASK_MS);
forever(picture, ASK_MS);
retry();
if (matchMedia("(pointer: fine)").matches) at("search").focus();
