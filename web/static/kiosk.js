// The kiosk at the door: it starts by itself, takes cards from a camera or a scanner, and shows and sounds each answer.

import { ask, clock, say } from "./api.js";
import { CardCamera } from "./card_camera.js";
import { KeptCards } from "./kept_cards.js";
import { Seen, answer, idle, ignored, shownMs } from "./kiosk_state.js";
import { listen } from "./scanner.js";
import { StateBar } from "./state_bar.js";
import { Tones } from "./tones.js";

const ASK_MS = 2_000;
const MUTED = "kiosk.muted";
const CAMERA = "kiosk.camera";
const at = (id) => document.getElementById(id);
const root = document.documentElement;
const known = { kiosk: null, unreachableSince: null, signedOut: false };
const seen = new Seen();
const bar = new StateBar(at("statebar"));
const tones = new Tones(remembered(MUTED) === "yes");
const waiting = new Set(); // payloads whose holders were told that they wait
let shown = null; // {kind, name, home…, until}

const cards = new KeptCards(localStorage, `kiosk:${at("kiosk").dataset.venue}`, () => "/api/kiosk/check-ins", {
  answered(card, said) {
    waiting.delete(card.payload);
    reached();
    put(answer(said));
    askNode();
  },
  refused(card, error) {
    if (waiting.delete(card.payload)) lost(card, error); // its holder may have gone in meanwhile
    put({ kind: "refused", sentence: error.message });
  },
  waits(card, error) {
    if (error.offline || error.status >= 500) known.unreachableSince ??= Date.now();
    known.signedOut = error.signedOut;
    if (waiting.has(card.payload)) return show();
    waiting.add(card.payload);
    return put({ kind: "waiting", sentence: error.keepsNothing ? error.message : waits() });
  },
});

// Reading -------------------------------------------------------------------------------------------------------

function read(text) {
  if (ignored(text) || !seen.fresh(text, Date.now())) return;
  put({ kind: "reading" }); // what is shown of the one before must not be taken for an answer
  cards.add(text, known.kiosk?.lecture?.id ?? null);
}

const waits = () => say(known.signedOut ? "signed_out_more" : "waits_more");

listen(read);
const camera = new CardCamera(at("camera"), { read, told: cameraTold });

async function cameraTold(state) {
  root.dataset.camera = state;
  at("camera-said").textContent = state === "on" ? "" : say(`camera_${state}`);
  at("camera-said").hidden = state === "on";
  at("picture").classList.toggle("mirrored", camera.mirrored);
  if (state === "on") at("other-camera").hidden = (await camera.choices()).length < 2;
}

at("other-camera").addEventListener("click", async () => {
  const choices = await camera.choices();
  const here = choices.findIndex(({ id }) => id === camera.device);
  const next = choices[(Math.max(here, 0) + 1) % choices.length];
  if (!next) return;
  remember(CAMERA, next.id);
  camera.start(next.id);
});

// What is shown -------------------------------------------------------------------------------------------------

function put(what) {
  shown = { ...what, until: Date.now() + shownMs(what.kind) };
  tones.play(what.kind);
  show();
  document.dispatchEvent(new CustomEvent("kioskanswer", { detail: what.kind }));
}

function show() {
  const now = Date.now();
  if (["waiting", "reading"].includes(shown?.kind) && !cards.waiting) shown = null;
  if (shown && now > shown.until) shown = waiting.size ? { kind: "waiting", sentence: waits(), until: Infinity } : null;
  const calm = idle({ ...known, now });
  root.dataset.state = shown ? shown.kind : calm.state;
  at("answer").hidden = !shown;
  if (shown) showAnswer(shown);
  const fields = { time: calm.since ? clock(calm.since) : "" };
  text("says", calm.sentence ?? say(calm.says, fields));
  text("more", calm.state === "trouble" ? say(`${calm.says}_more`) : "");
  text("lecture", known.kiosk?.lecture?.title ?? "");
  at("sign-in").hidden = !known.signedOut;
  text("waiting", cards.waiting ? say("waiting_n", { n: cards.waiting }) : "");
  text("sound", say(tones.muted ? "sound_off" : tones.blocked ? "sound_blocked" : "sound_on"));
  at("sound").setAttribute("aria-pressed", String(!tones.muted));
}

function showAnswer({ kind, name, home, known: homeKnown, at: when, sentence }) {
  text("what", say(kind));
  text("who", name ?? "");
  at("who").classList.toggle("long", (name ?? "").length > 6);
  text("home", kind === "guest" && !homeKnown ? say("home_unknown") : (home ?? ""));
  text("why", sentence ?? (kind === "already" ? say("since", { time: clock(when) }) : ""));
}

/** What a card that had to wait came to, when its holder has gone in already. */
function lost(card, error) {
  at("lost").hidden = false;
  const line = document.createElement("li");
  line.textContent = say("lost_one", { time: clock(Date.now()), card: card.payload.slice(19, 23), reason: error.message });
  at("lost-cards").append(line);
}

at("lost-seen").addEventListener("click", () => {
  at("lost-cards").replaceChildren();
  at("lost").hidden = true;
});

function text(id, words) {
  if (at(id).textContent !== words) at(id).textContent = words;
}

// The node ------------------------------------------------------------------------------------------------------

let asking = 0;
async function askNode() {
  clearTimeout(asking);
  const asked = Date.now();
  try {
    const kiosk = await ask("GET", "/api/kiosk", undefined, { timeoutMs: 5_000 });
    known.kiosk = kiosk;
    reached();
    bar.node(kiosk);
    const { present, guests, expected } = kiosk;
    text("count", say(guests ? "count_guests" : "count", { present: present - guests, expected, guests }));
  } catch (error) {
    known.signedOut = error.signedOut;
    if (!known.signedOut) known.unreachableSince ??= asked;
    bar.reached(false);
  }
  show();
  clearTimeout(asking);
  asking = setTimeout(askNode, ASK_MS);
}

function reached() {
  Object.assign(known, { unreachableSince: null, signedOut: false });
  bar.reached(true);
}

// Controls ------------------------------------------------------------------------------------------------------

let wasBlocked = false; // when the finger came down
for (const kind of ["pointerdown", "keydown"]) {
  const touched = () => {
    wasBlocked = tones.blocked;
    tones.wake();
  };
  addEventListener(kind, touched, { capture: true, passive: true });
}
at("sound").addEventListener("click", async () => {
  if (!wasBlocked || tones.muted) tones.muted = !tones.muted;
  wasBlocked = false;
  remember(MUTED, tones.muted ? "yes" : "no");
  tones.play("already");
  at("sound").blur();
  show();
});
at("full").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else root.requestFullscreen?.().catch(() => {});
  at("full").blur();
});

function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // chosen for this once
  }
}

/** Keep the display on (only pages by https or localhost may ask). */
async function stayAwake() {
  try {
    if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen");
  } catch {
    // Battery saver or policy: the machine's own settings decide.
  }
}
document.addEventListener("visibilitychange", stayAwake);

stayAwake();
askNode();
setInterval(show, 250);
camera.start(remembered(CAMERA));
