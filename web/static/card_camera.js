// A card before the machine's own camera: read by the browser where it can, else by the node, a few frames a second.
// A frame is looked at and forgotten, here and there.

import { ask, pause } from "./api.js";

const WIDE = 640; // points of a frame that goes to the node
const MOST_HIGH = 640;
const LOOK_MS = 200;
const STILL_MS = 1_500; // how often a picture in which nothing moves is looked at
const AWAKE_MS = 3_000; // how long after a movement every frame is
const AGAIN_MS = 5_000;
const [THUMB_WIDE, THUMB_HIGH] = [32, 24];
const MOVED = 6; // of 255, on average
const PROBLEMS = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "none", OverconstrainedError: "none", NotReadableError: "busy", AbortError: "busy" };

export class CardCamera {
  /** `read(text)` for each code that is seen, also for one that was seen just now; `told(state)`: "off", "asking", "on",
   * "insecure" (the page came by plain http), "none", "denied" or "busy". */
  constructor(video, { read, told }) {
    this.video = video;
    this.read = read;
    this.told = told;
    this.state = "off";
    this.wanted = false;
    this.device = null;
    this.frame = paper(WIDE, MOST_HIGH);
    this.thumb = paper(THUMB_WIDE, THUMB_HIGH);
    this.last = null;
    this.movedAt = 0;
    this.lookedAt = 0;
    this.run = 0; // a loop that was replaced ends
  }

  /** Begin, and begin again whenever the camera goes away or comes. */
  async start(device = this.device) {
    this.#release();
    this.wanted = true;
    this.device = device;
    const { run } = this;
    if (!navigator.mediaDevices) return this.#tell("insecure");
    navigator.mediaDevices.ondevicechange = () => this.wanted && this.state !== "on" && this.start();
    if (["off", "on"].includes(this.state)) this.#tell("asking"); // else it goes on saying what is wrong
    const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 15 } };
    const which = device ? { deviceId: { exact: device } } : { facingMode: "user" };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...which }, audio: false });
      if (run !== this.run) return stream.getTracks().forEach((track) => track.stop());
      this.video.srcObject = stream;
      stream.getVideoTracks()[0].onended = () => this.#later(run);
      await this.video.play();
      this.#tell("on");
      return this.#look(run);
    } catch (problem) {
      if (run !== this.run) return null;
      if (device && problem.name === "OverconstrainedError") return this.start(null); // it was unplugged for good
      this.#tell(PROBLEMS[problem.name] ?? "busy");
      return this.#later(run);
    }
  }

  stop() {
    this.#release();
    this.wanted = false;
    this.#tell("off");
  }

  #release() {
    this.run += 1;
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }

  /** Cameras to choose from: [{id, label}]. */
  async choices() {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    return all.filter(({ kind }) => kind === "videoinput").map(({ deviceId, label }) => ({ id: deviceId, label }));
  }

  get mirrored() {
    const facing = this.video.srcObject?.getVideoTracks()[0]?.getSettings().facingMode;
    return facing !== "environment";
  }

  async #later(run) {
    await pause(AGAIN_MS * (0.7 + 0.6 * Math.random()));
    if (run === this.run && this.wanted) this.start();
  }

  async #look(run) {
    const detector = await ownDetector();
    while (run === this.run) {
      const begun = performance.now();
      if (document.visibilityState === "visible" && this.video.readyState >= 2 && this.#worthIt(begun)) {
        const text = await (detector ? this.#detect(detector) : this.#send()).catch(() => null);
        if (text && run === this.run) this.read(text);
      }
      await pause(Math.max(LOOK_MS - (performance.now() - begun), LOOK_MS / 2));
    }
  }

  /** Whether something moves, or it is time to look all the same. */
  #worthIt(now) {
    this.thumb.drawImage(this.video, 0, 0, THUMB_WIDE, THUMB_HIGH);
    const { data } = this.thumb.getImageData(0, 0, THUMB_WIDE, THUMB_HIGH);
    const grey = greyOf(data);
    const changed = this.last ? grey.reduce((sum, one, place) => sum + Math.abs(one - this.last[place]), 0) / grey.length : 255;
    this.last = grey;
    if (changed > MOVED) this.movedAt = now;
    if (now - this.movedAt > AWAKE_MS && now - this.lookedAt < STILL_MS) return false;
    this.lookedAt = now;
    return true;
  }

  async #detect(detector) {
    const found = (await detector.detect(this.video)).map(({ rawValue }) => rawValue);
    return found.find((text) => /^[0-9]+$/.test(text)) ?? found[0] ?? null;
  }

  async #send() {
    const { videoWidth, videoHeight } = this.video;
    const height = Math.min(MOST_HIGH, Math.round((WIDE * videoHeight) / videoWidth));
    this.frame.drawImage(this.video, 0, 0, WIDE, height);
    const frame = greyOf(this.frame.getImageData(0, 0, WIDE, height).data);
    const { payload } = await ask("POST", `/api/kiosk/frames?width=${WIDE}&height=${height}`, frame, { timeoutMs: 5_000 });
    return payload;
  }

  #tell(state) {
    if (this.state === state) return;
    this.state = state;
    this.told(state);
  }
}

function paper(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** Luma (ITU-R BT.601) of RGBA. */
function greyOf(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let place = 0, from = 0; place < grey.length; place += 1, from += 4) {
    grey[place] = (rgba[from] * 77 + rgba[from + 1] * 150 + rgba[from + 2] * 29) >> 8;
  }
  return grey;
}

/** The browser's own reader of QR codes, or null. */
async function ownDetector() {
  try {
    const formats = (await globalThis.BarcodeDetector?.getSupportedFormats()) ?? [];
    return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}
