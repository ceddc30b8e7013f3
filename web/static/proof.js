// Proof of picture: what this screen really showed, told to its node every ten seconds.

import { ask } from "./api.js";
import { ofType } from "./rtc.js";

const LOOK_MS = 1_000;
const PERIOD_MS = 10_000;
const ASLEEP_MS = 5_000; // nobody looked: the machine slept, or the browser gave a hidden page no time
const FRAME_MS = 3_000; // for so long a camera's frame is a picture that moves
const SLIDE_MS = 30_000; // slides that stand still send a frame now and then
const SOUND_MS = 2_000;
const MOST_KEPT = 150; // periods that wait for a node: 25 minutes

/**
 * Pure: when each counter last moved, and by how much it did since the look before. A counter that fell belongs to a new
 * session: it has moved if it is not 0.
 */
export function moved(before, counters, now) {
  const found = {};
  for (const [name, count] of Object.entries(counters)) {
    const old = before[name] ?? { count: 0, at: -Infinity };
    const more = count < old.count ? count : count - old.count;
    found[name] = { count, more: before[name] ? more : 0, at: more ? now : old.at };
  }
  return found;
}

/**
 * Pure: whether there was picture and sound in this look. `last`: what `moved` made of the counters; `page`
 * {visible, camera, slides, audible}: whether the page is on the screen, each of the two pictures has a place in the
 * layout and plays, and the sound is neither muted nor paused.
 * A frame counts where it was both decoded and put on the screen.
 */
export function judged(last, page, now) {
  const within = (name, ms) => now - (last[name]?.at ?? -Infinity) < ms;
  const both = (name, ms) => within(`${name}Decoded`, ms) && within(`${name}Shown`, ms);
  const camera = page.camera && both("camera", FRAME_MS);
  const slides = page.slides && both("slides", SLIDE_MS);
  return { picture: page.visible && (camera || slides), sound: page.audible && within("sound", SOUND_MS) };
}

/** Pure: the frames and sound in a peer connection's statistics. Concealed sound is what the browser made up. */
export function countersOf(stats) {
  const inbound = stats ? ofType(stats, "inbound-rtp") : [];
  const of = (kind, value) => inbound.filter((one) => one.kind === kind).reduce((sum, one) => sum + value(one), 0);
  return {
    decoded: of("video", (one) => one.framesDecoded ?? 0),
    heard: of("audio", (one) => Math.max(0, (one.totalSamplesReceived ?? 0) - (one.concealedSamples ?? 0))),
  };
}

/** `sources()` → {lecture, player, slides, video, slidesVideo}: the two sessions (or null) and where they are shown. */
export class Proof {
  constructor(sources) {
    this.sources = sources;
    this.screen = crypto.getRandomValues(new Uint32Array(4)).join("-");
    this.number = 0;
    this.lecture = null;
    this.last = {};
    this.period = null;
    this.waiting = []; // [{lecture, endedAt, …}]
    this.sending = false;
    addEventListener("pagehide", () => this.#end(true));
  }

  start() {
    this.at = performance.now();
    this.#look();
  }

  /** Once a second. */
  async #look() {
    const { lecture, player, slides, video, slidesVideo } = this.sources();
    if (lecture !== this.lecture) {
      this.#end();
      this.lecture = lecture;
      this.last = {};
    }
    const [camera, deck] = await Promise.all([player, slides].map((one) => one?.peer?.getStats().catch(() => null)));
    const now = performance.now();
    const passed = now - this.at;
    this.at = now;
    const [seen, read] = [countersOf(camera), countersOf(deck)];
    this.last = moved(
      this.last,
      {
        cameraDecoded: seen.decoded,
        cameraShown: shown(video),
        slidesDecoded: read.decoded,
        slidesShown: shown(slidesVideo),
        sound: seen.heard,
      },
      now,
    );
    if (lecture === this.lecture && lecture) this.#count(passed, judged(this.last, pageOf(player, slides, video, slidesVideo), now));
    else if (!lecture && this.waiting.length) this.#send();
    setTimeout(() => this.#look(), LOOK_MS);
  }

  #count(passed, { picture, sound }) {
    const awake = passed <= ASLEEP_MS;
    if (!awake) this.#end();
    this.period ??= { span: 0, picture: 0, sound: 0, frames: 0 };
    if (awake) {
      this.period.frames += this.last.cameraDecoded.more + this.last.slidesDecoded.more;
      this.period.span += passed;
      this.period.picture += picture ? passed : 0;
      this.period.sound += sound ? passed : 0;
    }
    if (this.period.span >= PERIOD_MS - LOOK_MS / 2) this.#end();
  }

  /** The period is over, whole or not: tell it. */
  #end(leaving = false) {
    const { period, lecture } = this;
    this.period = null;
    if (period && period.span >= 1 && lecture) {
      this.number += 1;
      this.waiting.push({ lecture, number: this.number, endedAt: this.at, ...period });
      this.waiting.splice(0, this.waiting.length - MOST_KEPT);
    }
    this.#send(leaving);
  }

  /** What the node has not answered for goes again with the next period, and counts once. */
  async #send(leaving) {
    if (!this.waiting.length || (this.sending && !leaving)) return;
    this.sending = true;
    const { lecture } = this.waiting[0];
    const sent = this.waiting.filter((one) => one.lecture === lecture);
    const now = performance.now();
    const periods = sent.map((one) => ({
      number: one.number,
      ago_ms: Math.max(0, Math.round(now - one.endedAt)),
      span_ms: Math.max(1, Math.round(one.span)),
      picture_ms: Math.round(one.picture),
      sound_ms: Math.round(one.sound),
      frames: one.frames,
    }));
    try {
      await ask("POST", `/api/lectures/${lecture}/picture`, { screen: this.screen, periods }, { keepalive: leaving });
      this.waiting = this.waiting.filter((one) => !sent.includes(one));
    } catch (error) {
      // What the node does not want it will not want later either.
      if ([404, 422].includes(error.status)) this.waiting = this.waiting.filter((one) => !sent.includes(one));
    }
    this.sending = false;
  }
}

function pageOf(player, slides, video, slidesVideo) {
  const plays = (element) => !element.paused && element.readyState >= 2;
  const placed = (element) => getComputedStyle(element).visibility !== "hidden";
  return {
    visible: document.visibilityState === "visible",
    camera: player?.state === "live" && !player.held && plays(video) && placed(video),
    slides: slides?.state === "live" && plays(slidesVideo) && placed(slidesVideo),
    audible: Boolean(player) && plays(video) && !video.muted && video.volume > 0,
  };
}

/** Frames that came onto the screen. */
function shown(video) {
  const quality = video.getVideoPlaybackQuality?.();
  return quality ? quality.totalVideoFrames - quality.droppedVideoFrames : 0;
}
