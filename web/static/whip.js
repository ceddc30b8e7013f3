// Send one stream by WHIP: the picture on three rungs (simulcast, up to 720p30 and 2.5 Mbit/s) and Opus, kept up through
// interruptions.

import { MediaSession, ofType } from "./rtc.js";

export const MAX_BITRATE = 2_500_000;
const START_KBITS = 1_500; // enough for all three rungs from the first second on
// The lowest first, as browsers expect: they give up the last ones of the list when bandwidth or processor run short.
const RUNGS = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, maxFramerate: 15 },
  { rid: "m", scaleResolutionDownBy: 2, maxBitrate: 600_000, maxFramerate: 30 },
  { rid: "h", scaleResolutionDownBy: 1, maxBitrate: MAX_BITRATE, maxFramerate: 30 },
];
const ONE = [{ maxBitrate: MAX_BITRATE, maxFramerate: 30 }];
const SOUND_FIRST = [{ priority: "high", networkPriority: "high" }];

/** `stream` may change while on air: `use(stream)` replaces the tracks without a new session (W9, S9: no renegotiation). */
export class Publisher extends MediaSession {
  /** `kinds`: what the stream may ever have. */
  constructor(stream, getDoor, { kinds = ["video", "audio"], ...options } = {}) {
    super(getDoor, options);
    this.stream = stream;
    this.kinds = kinds;
    this.senders = {};
    this.figures = { kbits: 0, loss: null, roundTripMs: null, width: 0, height: 0, fps: 0 };
  }

  async prepare(peer) {
    this.sent = null;
    this.senders = {};
    for (const kind of this.kinds) {
      const track = trackOf(this.stream, kind);
      const init = { direction: "sendonly", streams: [this.stream] };
      // A quarter of a page of text is of no use to anybody, and a page that stands still takes little.
      if (kind === "video") init.sendEncodings = track?.contentHint === "detail" ? ONE : RUNGS;
      else init.sendEncodings = SOUND_FIRST;
      const transceiver = peer.addTransceiver(track ?? kind, init);
      this.senders[kind] = transceiver.sender;
      if (kind === "video") preferCodecs(transceiver);
      tellCaptureTime(transceiver);
    }
    await this.#tune();
  }

  /** Go on with other sources in the same session. */
  async use(stream) {
    this.stream = stream;
    for (const [kind, sender] of Object.entries(this.senders)) {
      await sender.replaceTrack(trackOf(stream, kind));
    }
    await this.#tune();
  }

  async #tune() {
    const sender = this.senders.video;
    if (!sender) return;
    const parameters = sender.getParameters();
    // Slides must stay sharp; a face may lose size but should keep moving.
    parameters.degradationPreference = sender.track?.contentHint === "detail" ? "maintain-resolution" : "balanced";
    await sender.setParameters(parameters).catch(() => {}); // only a preference: some browsers refuse it
  }

  answered(sdp) {
    return startingAt(sdp, START_KBITS);
  }

  progress(stats, now) {
    const outbound = ofType(stats, "outbound-rtp");
    const bytes = outbound.reduce((sum, report) => sum + (report.bytesSent ?? 0), 0);
    if (this.sent && now - this.sent.at >= 900) {
      this.figures = figures(stats, outbound, ((bytes - this.sent.bytes) * 8) / (now - this.sent.at));
      this.sent = { bytes, at: now };
      this.dispatchEvent(new CustomEvent("stats", { detail: this.figures }));
    }
    this.sent ??= { bytes, at: now };
    return bytes > 0 ? "live" : null;
  }
}

function figures(stats, outbound, kbits) {
  const remote = ofType(stats, "remote-inbound-rtp");
  const pictures = outbound.filter((report) => report.kind === "video");
  const video = pictures.sort((a, b) => (b.frameWidth ?? 0) - (a.frameWidth ?? 0))[0]; // the best rung that is sent
  const losses = remote.map((report) => report.fractionLost).filter((value) => typeof value === "number");
  const pair = ofType(stats, "candidate-pair").find((report) => report.nominated && report.currentRoundTripTime !== undefined);
  const roundTrip = remote.find((report) => report.roundTripTime)?.roundTripTime ?? pair?.currentRoundTripTime;
  return {
    kbits: Math.round(kbits),
    loss: losses.length ? Math.max(...losses) : null,
    roundTripMs: roundTrip === undefined ? null : Math.round(roundTrip * 1000),
    width: video?.frameWidth ?? 0,
    height: video?.frameHeight ?? 0,
    fps: Math.round(video?.framesPerSecond ?? 0),
  };
}

function trackOf(stream, kind) {
  return stream.getTracks().find((track) => track.kind === kind && track.readyState === "live") ?? null;
}

/** H.264 and VP8 before the others, in the browser's own order: every box in the villages decodes these in hardware. */
function preferCodecs(transceiver) {
  const all = RTCRtpSender.getCapabilities?.("video")?.codecs;
  if (!all || !transceiver.setCodecPreferences) return;
  const first = all.filter(({ mimeType }) => /video\/(h264|vp8)$/i.test(mimeType));
  const helpers = all.filter(({ mimeType }) => /video\/(rtx|red|ulpfec|flexfec-03)$/i.test(mimeType));
  if (first.length) transceiver.setCodecPreferences([...first, ...helpers]);
}

/** Say in the packets when they were captured: the nodes make of it how late the lecture is at each of them. */
function tellCaptureTime(transceiver) {
  const extensions = transceiver.getHeaderExtensionsToNegotiate?.(); // Chromium from 117 on
  const found = extensions?.find(({ uri }) => uri.endsWith("/abs-capture-time"));
  if (!found) return;
  found.direction = "sendrecv";
  transceiver.setHeaderExtensionsToNegotiate(extensions);
}

/**
 * Pure: ask Chromium to begin at a rate instead of feeling its way up from 300 kbit/s, which takes half a minute of
 * blurred picture. Other browsers ignore the parameter (RFC 8866 §6.15: unknown format parameters are).
 */
export function startingAt(sdp, kbits) {
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => {
      if (!section.startsWith("m=video")) return section;
      const types = [...section.matchAll(/^a=rtpmap:(\d+) (?:VP8|H264)\/90000/gim)].map(([, type]) => type);
      return types.reduce((text, type) => withParameter(text, type, `x-google-start-bitrate=${kbits}`), section);
    })
    .join("");
}

function withParameter(section, type, parameter) {
  const line = new RegExp(`^(a=fmtp:${type} [^\\r\\n]*)`, "m");
  if (line.test(section)) return section.replace(line, `$1;${parameter}`);
  return section.replace(new RegExp(`^(a=rtpmap:${type} [^\\r\\n]*)`, "m"), `$1\r\na=fmtp:${type} ${parameter}`);
}

/** `publish(stream, url, token)`: the short form, where `token` is a text or an async function that gets a fresh one. */
export function publish(stream, url, token, options) {
  const getDoor = async () => ({ url, token: typeof token === "function" ? await token() : token });
  const publisher = new Publisher(stream, getDoor, options);
  publisher.start();
  return publisher;
}
