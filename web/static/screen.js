// The venue's screen: it starts by itself, says in words what it waits for, and never needs a hand.

import { ask, clock, say } from "./api.js";
import { Proof } from "./proof.js";
import { decide, wanted } from "./screen_state.js";
import { SlidesPlayer, layoutOf, nextLayout, wantsSlides } from "./slides.js";
import { Player } from "./whep.js";

const ASK_MS = 1_000;
const ASK_AGAIN_MS = 300; // while the node does not answer: it may be starting
const STILL_MS = 3_000;
const DOOR_MS = 30 * 60_000; // half the life of a token
const root = document.documentElement;
const at = (id) => document.getElementById(id);
const parentName = at("screen").dataset.parent || say("upper");
const udpPort = at("screen").dataset.udpPort;

const known = { screen: null, reached: null, unreachableSince: null, linkDown: null, signedOut: false };
let player = null;
let lectureId = null;
let slides = null;
let slidesSince = null;
let ownLayout = "";
let codeUrl = null;
let mobileUrl = null;
let codeUntil = 0;
let large = false;
let asking = false;
let next = 0;

/** Each second, and at once when something is seen that the node has not told yet. */
async function askNode() {
  if (asking) return;
  asking = true;
  clearTimeout(next);
  const [asked, askedAt] = [Date.now(), performance.now()];
  try {
    learn(await ask("GET", "/api/screen", undefined, { timeoutMs: 5_000 }), askedAt);
  } catch (error) {
    known.signedOut = error.status === 401;
    // The last answer stays: a picture that plays goes on playing while the pages' server restarts.
    if (!known.signedOut) known.unreachableSince ??= asked;
  }
  show();
  showCode();
  asking = false;
  next = setTimeout(askNode, known.unreachableSince ? ASK_AGAIN_MS : ASK_MS);
}

function learn(screen, askedAt) {
  const down = !["root", "connected"].includes(screen.link.state);
  known.linkDown = down ? { since: screen.link.since ? Date.parse(screen.link.since) : null } : null;
  Object.assign(known, { screen, unreachableSince: null, signedOut: false });
  follow(screen, askedAt);
  if (screen.code_url && screen.code_url !== codeUrl) {
    codeUrl = screen.code_url;
    draw("qr", screen.code_svg);
  }
  // A second one for phones that do not reach this venue's node, where a node above takes it.
  at("mobile").hidden = !screen.mobile_url;
  at("code").classList.toggle("both", Boolean(screen.mobile_url));
  at("curtain").classList.toggle("with-both", Boolean(screen.mobile_url));
  if (screen.mobile_url && screen.mobile_url !== mobileUrl) {
    mobileUrl = screen.mobile_url;
    draw("mobile-qr", screen.mobile_svg);
  }
  codeUntil = screen.code_url ? Date.now() + (screen.code_expires_in_s ?? 15) * 1000 + 2_000 : 0;
  at("present").textContent = say("present", { n: screen.present });
}

function draw(id, text) {
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  svg.setAttribute("aria-hidden", "true");
  at(id).replaceChildren(document.importNode(svg, true));
}

/** Play the lecture that is on; leave the one that is not. */
function follow(screen, askedAt) {
  const id = wanted(screen);
  if (id !== lectureId) {
    player?.stop();
    player = id ? open(id) : null;
    lectureId = id;
    closeSlides();
  }
  if (screen.slides) slidesSince = Date.now();
  if (!id || !wantsSlides(screen.slides, slidesSince, Date.now())) closeSlides();
  else if (!slides) slides = openSlides(id);
  player?.hear(screen, askedAt);
  if (player?.state === "waiting" && screen.state === "live") player.hurry();
  at("roll-call").hidden = !id;
  if (id) at("roll-call").href = `/lectures/${id}/roll-call`;
}

/** Where to ask for one of the lecture's streams: at the node that this page came from, with a token that is fresh. */
function doorTo(id, part, problem) {
  let door = null;
  return async () => {
    if (!door || [401, 403].includes(problem()?.status) || Date.now() > door.until) {
      const { token, url } = await ask("POST", `/api/lectures/${id}/view-token`, {});
      door = { token, url: new URL(url, location.href).pathname + part, until: Date.now() + DOOR_MS };
    }
    return door;
  };
}

function openSlides(id) {
  const opened = new SlidesPlayer(at("slides"), doorTo(id, "/slides", () => opened.problem));
  opened.addEventListener("state", show);
  opened.start();
  return opened;
}

function closeSlides() {
  slides?.stop();
  slides = null;
}

function open(id) {
  const opened = new Player(at("lecture"), doorTo(id, "", () => opened.problem));
  opened.addEventListener("state", show);
  opened.addEventListener("blocked", show);
  opened.addEventListener("held", show);
  opened.addEventListener("moves", askNode);
  opened.start();
  return opened;
}

function show() {
  const seen = slides?.state === "live";
  const now = decide({ ...known, player, slides: seen, now: Date.now() });
  const camera = player?.state === "live" && !player.held;
  root.dataset.layout = layoutOf({ slides: seen, camera, lecturer: known.screen?.layout, own: ownLayout });
  at("layout").hidden = !seen;
  put("layout", say(`layout_${ownLayout || "lecturer"}`));
  const before = root.dataset.state;
  root.dataset.state = now.state;
  const fields = { parent: parentName, port: udpPort, ...now.fields };
  if (now.since) fields.time = clock(now.since);
  if (now.startsAt) fields.time = clock(now.startsAt);
  put("says", now.sentence ?? say(now.says, fields));
  put("more", now.sentence ? "" : say(now.more, fields));
  const title = known.screen?.lecture?.title ?? "";
  put("title", title);
  at("title").hidden = !title;
  at("sign-in").hidden = !known.signedOut;
  at("unmute").hidden = !(player?.blocked && ["live", "sound"].includes(now.state));
  // A screen reader need not hear about a curtain that is open.
  at("curtain").setAttribute("aria-hidden", String(now.state === "live"));
  flag(now);
  put("sound", say(at("lecture").muted ? "sound_on" : "sound_off"));
  if (before !== now.state) showCode();
  if (before !== now.state) document.dispatchEvent(new CustomEvent("screenstate", { detail: now.state }));
}

/** A small word over a picture that plays while something behind it is broken. */
function flag(now) {
  const since = known.linkDown?.since;
  const down = since && Date.now() - since > 10_000;
  at("flag").hidden = !(now.state === "live" && (down || player?.held));
  if (down) put("flag", say("soft_problem", { time: clock(since) }));
  else if (player?.held) put("flag", say("held"));
}

function showCode() {
  const visible = Date.now() < codeUntil; // an old code would only make people angry
  at("code").hidden = !visible;
  at("size").hidden = !visible || root.dataset.state !== "live"; // the curtain has room for the large one
  at("curtain").classList.toggle("with-code", visible);
}

function put(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
}

// Controls ------------------------------------------------------------------------------------------------------

at("unmute").addEventListener("click", () => player?.unmute().then(show));
at("sound").addEventListener("click", async () => {
  const video = at("lecture");
  if (video.muted && player) await player.unmute();
  else video.muted = !video.muted;
  show();
});
at("full").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else root.requestFullscreen?.().catch(() => {});
});
at("layout").addEventListener("click", () => {
  ownLayout = nextLayout(ownLayout);
  show();
});
at("size").addEventListener("click", () => {
  large = !large;
  at("code").classList.toggle("big", large);
  put("size", say(large ? "code_small" : "code_large"));
});

let stillTimer = 0;
function stir() {
  at("screen").classList.remove("still");
  clearTimeout(stillTimer);
  stillTimer = setTimeout(() => at("screen").classList.add("still"), STILL_MS);
}
for (const kind of ["pointermove", "pointerdown", "keydown"]) addEventListener(kind, stir, { passive: true });

/** Keep the display on (only pages by https or localhost may ask). */
async function stayAwake() {
  try {
    if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen");
  } catch {
    // Battery saver or policy: the machine's own settings decide.
  }
}
document.addEventListener("visibilitychange", stayAwake);

const proof = new Proof(() => ({ lecture: lectureId, player, slides, video: at("lecture"), slidesVideo: at("slides") }));

stayAwake();
askNode();
proof.start();
