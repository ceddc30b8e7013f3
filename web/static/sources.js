// Which camera, microphone or screen: choices in words, faults in words, remembered on this computer.

import { say } from "./api.js";

const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const SCREEN = { frameRate: { ideal: 15, max: 30 }, width: { max: 1920 }, height: { max: 1080 } };
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const FAULTS = { NotAllowedError: "denied", NotFoundError: "missing", OverconstrainedError: "missing", NotReadableError: "busy" };
const NONE = "none";

/**
 * "change": `stream` (camera and microphone) has other tracks. "slides": `slides` is another stream, or null. "trouble":
 * detail is a sentence.
 */
export class Sources extends EventTarget {
  constructor({ camera, microphone, share }) {
    super();
    this.selects = { video: camera, audio: microphone };
    this.share = share;
    this.tracks = { video: null, audio: null };
    this.slides = null;
    this.stream = new MediaStream();
    this.chosen = { video: remembered("video"), audio: remembered("audio") };
    camera.addEventListener("change", () => this.#pick("video"));
    microphone.addEventListener("change", () => this.#pick("audio"));
    share.addEventListener("click", () => (this.slides ? this.unshare() : this.#shareScreen()));
  }

  async begin() {
    this.#list([]);
    if (!navigator.mediaDevices) {
      for (const control of [...Object.values(this.selects), this.share]) control.disabled = true;
      this.#change();
      this.#trouble(say("insecure"));
      return;
    }
    this.share.hidden = !navigator.mediaDevices.getDisplayMedia; // phones have none
    navigator.mediaDevices.addEventListener("devicechange", () => this.#refresh());
    await this.#refresh();
    await this.#choose("audio");
    await this.#choose("video");
    await this.#refresh(); // names of devices are told only after the first permission
  }

  async #refresh() {
    this.#list(await navigator.mediaDevices.enumerateDevices());
  }

  #list(devices) {
    for (const [kind, select] of Object.entries(this.selects)) {
      const found = devices.filter((device) => device.kind === `${kind}input`);
      const options = found.map((device, n) => new Option(device.label || say("device", { n: n + 1 }), device.deviceId));
      options.push(new Option(say("none"), NONE));
      select.replaceChildren(...options);
      if (options.some(({ value }) => value === this.chosen[kind])) select.value = this.chosen[kind];
    }
  }

  #pick(kind) {
    this.chosen[kind] = this.selects[kind].value;
    remember(kind, this.chosen[kind]);
    return this.#choose(kind);
  }

  async #choose(kind) {
    const { value } = this.selects[kind];
    if (value === NONE) return this.#take(kind, null);
    const wish = { ...(kind === "video" ? VIDEO : AUDIO), ...(value ? { deviceId: { exact: value } } : {}) };
    try {
      // The old one first: many machines open a camera only once.
      this.tracks[kind]?.stop();
      const opened = await navigator.mediaDevices.getUserMedia({ [kind]: wish });
      this.#take(kind, opened.getTracks()[0], kind === "video" ? "motion" : "");
    } catch (error) {
      this.#take(kind, null);
      this.#fault(error);
    }
  }

  async #shareScreen() {
    try {
      const opened = await navigator.mediaDevices.getDisplayMedia({ video: SCREEN, audio: false });
      const [track] = opened.getVideoTracks();
      track.contentHint = "detail"; // sharp before smooth
      track.addEventListener("ended", () => this.slides === opened && this.unshare()); // by the browser's own bar
      this.#show(opened);
    } catch (error) {
      if (error.name !== "NotAllowedError") this.#fault(error); // else the person closed the chooser
    }
  }

  unshare() {
    for (const track of this.slides?.getTracks() ?? []) track.stop();
    this.#show(null);
  }

  #show(slides) {
    this.slides = slides;
    this.dispatchEvent(new CustomEvent("slides"));
  }

  #take(kind, track, hint = "") {
    if (this.tracks[kind] !== track) this.tracks[kind]?.stop();
    this.tracks[kind] = track;
    if (track) {
      if (hint) track.contentHint = hint;
      track.addEventListener("ended", () => this.#ended(kind, track));
    }
    this.#change();
  }

  #ended(kind, track) {
    if (this.tracks[kind] !== track) return;
    this.#take(kind, null);
    this.#trouble(say("unplugged"));
  }

  #change() {
    this.stream = new MediaStream(Object.values(this.tracks).filter(Boolean));
    this.dispatchEvent(new CustomEvent("change"));
  }

  #fault(error) {
    const key = FAULTS[error.name];
    this.#trouble(key ? say(key) : say("device_error", { reason: error.message || error.name }));
  }

  #trouble(sentence) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: sentence }));
  }
}

function remembered(kind) {
  try {
    return localStorage.getItem(`tongtang.${kind}`) ?? "";
  } catch {
    return "";
  }
}

function remember(kind, value) {
  try {
    localStorage.setItem(`tongtang.${kind}`, value);
  } catch {
    // A private window forgets.
  }
}
