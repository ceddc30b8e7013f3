// Play one lecture in one <video> by WHEP, for hours, through every kind of interruption.

import { MediaSession, ofType } from "./rtc.js";

const STALL_MS = 3_000;
const STALE_MS = 6_000;
const SOUND_ALONE_MS = 2_000;
const QUIET_MS = 1_000;
const HELD_MS = 4_000;

/**
 * See MediaSession for the events; `state` may also be "sound" (sound alone). Further properties: `blocked` is true
 * while the browser allows the picture but not the sound ("blocked" event when it changes), `held` while the node sends
 * sound alone though it has a picture ("held" event): the last picture stays. `figures` are the last statistics. `hear(told)` tells what arrives at the node: without it the player cannot know whether silence is a fault.
 */
export class Player extends MediaSession {
  constructor(video, getDoor, options) {
    super(getDoor, options);
    this.video = video;
    this.blocked = false;
    this.arrives = null;
    this.held = false;
    this.figures = { kbits: 0, frames: 0, lost: 0 };
  }

  /** `told` {picture, sound}: what the node said that arrives there, asked at `at` (performance.now). */
  hear(told, at) {
    this.arrives = heard(this.arrives, told, at);
  }

  prepare(peer) {
    // A track is shown only when its first packet comes: the last picture of a broken session stays until the next one
    // has something better, and sound that comes alone does not wait for a picture.
    const stream = new MediaStream();
    this.moved = { begun: null, video: null, audio: null, frames: 0, audioPackets: 0 };
    this.bytes = null;
    this.told = { at: -Infinity, held: false }; // by the node, of this session
    peer.addEventListener("track", ({ track, receiver }) => {
      const show = () => {
        if (this.peer !== peer) return; // a session that has ended says nothing any more
        stream.addTrack(track);
        this.#show(stream);
      };
      if (track.muted) track.addEventListener("unmute", show, { once: true });
      else show();
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = null;
    });
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
  }

  async #show(stream) {
    if (this.video.srcObject !== stream) this.video.srcObject = stream;
    await this.#begin();
  }

  /** With sound if the browser lets us, else muted with `blocked` set. */
  async #begin() {
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError" || this.video.muted) return; // AbortError: a newer stream took its place
      this.video.muted = true;
      this.#block(true);
      await this.video.play().catch(() => {});
    }
  }

  /** To be called from a click or a key: a gesture is what the browser waits for. */
  async unmute() {
    this.video.muted = false;
    try {
      await this.video.play();
      this.#block(false);
    } catch {
      this.video.muted = true;
    }
  }

  #block(blocked) {
    if (blocked === this.blocked) return;
    this.blocked = blocked;
    this.dispatchEvent(new CustomEvent("blocked", { detail: blocked }));
  }

  progress(stats, now) {
    const inbound = ofType(stats, "inbound-rtp");
    const video = inbound.find((report) => report.kind === "video");
    const audio = inbound.find((report) => report.kind === "audio");
    const { moved, arrives } = this;
    moved.begun ??= now;
    if ((video?.framesDecoded ?? 0) > moved.frames) {
      moved.frames = video.framesDecoded;
      moved.video = now;
    }
    if ((audio?.packetsReceived ?? 0) > moved.audioPackets) {
      moved.audioPackets = audio.packetsReceived;
      moved.audio = now;
    }
    this.#count(inbound, now, video);
    if (moved.video === now && arrives && !arrives.picture) this.dispatchEvent(new CustomEvent("moves")); // ask again
    if (arrives?.picture && now - (moved.video ?? moved.begun) > QUIET_MS) this.#askRung(now);
    else if (moved.video === now) this.#hold(false);
    if (!this.held || now - this.told.at > HELD_MS) return verdict({ ...moved, state: this.state }, arrives, now);
    const heard = verdict({ ...moved, state: this.state }, { ...arrives, picture: null, soundAlone: arrives.sound }, now);
    return heard === "sound" && this.video.videoWidth > 0 ? "live" : heard;
  }

  /** Is there no picture because the node sends none to this session? Its link may be too thin, or somebody chose so. */
  async #askRung(now) {
    const { session, told } = this;
    if (!session || now - told.at < QUIET_MS) return;
    told.at = now;
    const headers = { Authorization: `Bearer ${session.token}` };
    try {
      const response = await fetch(`${session.url}/rung`, { headers, signal: AbortSignal.timeout(HELD_MS) });
      if (response.ok && told === this.told) this.#hold(!(await response.json()).picture);
    } catch {
      // The node does not answer: what the media say counts.
    }
  }

  #hold(held) {
    if (held === this.held) return;
    this.held = held;
    // The picture is on its way again: so far nothing is missing.
    if (!held) Object.assign(this.moved, { begun: performance.now(), video: this.moved.video && performance.now() });
    this.dispatchEvent(new CustomEvent("held", { detail: held }));
  }

  #count(inbound, now, video) {
    const bytes = inbound.reduce((sum, report) => sum + (report.bytesReceived ?? 0), 0);
    const lost = inbound.reduce((sum, report) => sum + (report.packetsLost ?? 0), 0);
    if (this.bytes && now - this.bytes.at >= 900) {
      this.figures = {
        kbits: Math.round(((bytes - this.bytes.count) * 8) / (now - this.bytes.at)),
        frames: video?.framesDecoded ?? 0,
        lost,
      };
      this.bytes = { count: bytes, at: now };
      this.dispatchEvent(new CustomEvent("stats", { detail: this.figures }));
    }
    this.bytes ??= { count: bytes, at: now };
  }
}

/** Pure: what is known of what arrives at the node, after it has said `told` {picture, sound} when asked at `at`. */
export function heard(before, { picture, sound }, at) {
  const since = (kind, yes) => (yes ? (before?.[kind] ?? at) : null);
  return {
    at,
    picture: since("picture", picture),
    sound: since("sound", sound),
    soundAlone: since("soundAlone", sound && !picture),
  };
}

/**
 * Pure: live, sound (alone), waiting (nothing arrives at the node: keep the session, it comes back in it), stalled,
 * reconnect, or null (as before). Times in ms.
 *
 * here: {state, begun (of this session), video, audio (last frame decoded, last sound packet; null: never)};
 * arrives: what `heard` made of the node's word, or null; it says that something arrived within the last two seconds.
 */
export function verdict(here, arrives, now) {
  const recent = (at) => at !== null && now - at < STALL_MS;
  if (!arrives || now - arrives.at > STALE_MS) {
    if (recent(here.video)) return "live";
    return recent(here.audio) ? "sound" : here.video === null ? null : "stalled";
  }
  // The node got it for three seconds during which nothing was seen here. Its word lags by two, so a publisher who
  // leaves is never taken for a fault of this session.
  const missed = (last, since) => since !== null && arrives.at - Math.max(last ?? here.begun, since) >= STALL_MS;
  if (missed(here.video, arrives.picture)) return "reconnect";
  const lostSound = missed(here.audio, arrives.sound);
  if (lostSound && (here.audio !== null || arrives.picture === null)) return "reconnect";
  if (arrives.picture !== null) {
    // A frame from before the pause is no picture.
    return recent(here.video) && !(here.video < arrives.picture && here.state !== "live") ? "live" : null;
  }
  if (arrives.sound === null) return "waiting";
  if (!recent(here.audio)) return null;
  // A lecture's first sound may come a moment before its first picture: no word about that.
  return here.state === "live" || here.state === "sound" || arrives.at - arrives.soundAlone >= SOUND_ALONE_MS ? "sound" : null;
}

/** `play(video, url, token)`: the short form, where `token` is a text or an async function that gets a fresh one. */
export function play(video, url, token, options) {
  const getDoor = async () => ({ url, token: typeof token === "function" ? await token() : token });
  const player = new Player(video, getDoor, options);
  player.start();
  return player;
}
