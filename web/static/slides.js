// The lecture's second stream: slides beside the camera, one as large as it may be, and how both are laid out.

import { MediaSession, ofType } from "./rtc.js";

const MISSED_MS = 8_000;
const UNSEEN_MS = 2_000;
const ENDED_MS = 3_000; // a lecturer who changes from one window to another is not worth a word
const LAYOUTS = ["", "both", "slides", "camera"]; // "": as the lecturer wants it

/** Slides may stand still for minutes: a picture once seen is good for as long as the session stands. */
export class SlidesPlayer extends MediaSession {
  constructor(video, getDoor, options) {
    super(getDoor, options);
    this.video = video;
    this.atOnce = false; // a session's only frames were decoded before anything showed them
  }

  prepare(peer) {
    this.begun = this.decoded = null;
    this.stream = null;
    this.seen = false; // in this session, on the page
    peer.addEventListener("track", ({ track }) => {
      const show = () => {
        if (this.peer !== peer) return; // a session that has ended says nothing any more
        this.stream = this.video.srcObject = new MediaStream([track]);
        this.video.play().catch(() => {}); // muted: nothing can forbid it, a newer picture may overtake it
      };
      // The last picture of a broken session stays until there is another; where there is none, this one is shown from
      // its first frame on: it may be the only one for minutes.
      if (track.muted && this.video.videoWidth > 0 && !this.atOnce) track.addEventListener("unmute", show, { once: true });
      else show();
    });
    peer.addTransceiver("video", { direction: "recvonly" });
  }

  progress(stats, now) {
    const video = ofType(stats, "inbound-rtp").find((report) => report.kind === "video");
    this.begun ??= now;
    if ((video?.framesDecoded ?? 0) > 0) {
      this.decoded ??= now;
      this.seen ||= this.stream !== null && this.video.srcObject === this.stream && this.video.videoWidth > 0;
      this.atOnce = !this.seen && now - this.decoded > UNSEEN_MS; // nothing may follow for minutes
      if (this.seen || this.atOnce) return this.seen ? "live" : "reconnect";
    }
    return now - this.begun > MISSED_MS ? "reconnect" : null;
  }
}

/**
 * Pure: whether the slides' session is to be there. `told`: the node says that slides arrive; `since`: when it last said
 * so (ms, null: never).
 */
export function wantsSlides(told, since, now) {
  return told || (since !== null && now - since < ENDED_MS);
}

/**
 * Pure: "both" (slides large, camera small), "slides" or "camera", of what there is: `slides` and `camera` are shown
 * now. `lecturer`: auto, slides or camera; `own`: what this venue chose, "" for what the lecturer wants.
 */
export function layoutOf({ slides, camera, lecturer, own }) {
  const wish = own || { auto: "both", slides: "slides", camera: "camera" }[lecturer] || "both";
  if (!slides) return "camera";
  if (!camera) return "slides";
  return wish;
}

/** Pure: the next of the venue's own choices. */
export function nextLayout(own) {
  return LAYOUTS[(LAYOUTS.indexOf(own) + 1) % LAYOUTS.length];
}
