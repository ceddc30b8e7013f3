// The lecture's second stream: slides beside the camera, one as large as it may be, and how both are laid out.

import { MediaSession, ofType } from "./rtc.js";

const MISSED_MS = 8_000;
const ENDED_MS = 3_000; // a lecturer who changes from one window to another is not worth a word
const LAYOUTS = ["", "both", "slides", "camera"]; // "": as the lecturer wants it

/** Slides may stand still for minutes: a picture once decoded is good for as long as the session stands. */
export class SlidesPlayer extends MediaSession {
  constructor(video, getDoor, options) {
    super(getDoor, options);
    this.video = video;
  }

  prepare(peer) {
    this.begun = null;
    peer.addEventListener("track", ({ track }) => {
      const show = () => {
        this.video.srcObject = new MediaStream([track]);
        this.video.play().catch(() => {}); // muted: nothing can forbid it, a newer picture may overtake it
      };
      if (track.muted) track.addEventListener("unmute", show, { once: true });
      else show();
    });
    peer.addTransceiver("video", { direction: "recvonly" });
  }

  progress(stats, now) {
    const video = ofType(stats, "inbound-rtp").find((report) => report.kind === "video");
    this.begun ??= now;
    if ((video?.framesDecoded ?? 0) > 0) return "live";
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
