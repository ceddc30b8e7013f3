// A sound for each answer, so that who shows a card need not look. Made here: nothing is loaded.

const VOLUME = 0.25;
// [frequency in Hz, from s, for s]: told apart without seeing the page.
const TUNES = {
  new: [[880, 0, 0.12], [1319, 0.13, 0.22]],
  already: [[880, 0, 0.1]],
  guest: [[660, 0, 0.12], [880, 0.14, 0.12], [660, 0.28, 0.18]],
  refused: [[196, 0, 0.25], [165, 0.3, 0.4]],
  waiting: [[440, 0, 0.06], [440, 0.12, 0.06]],
};

export class Tones {
  #context = null;
  played = []; // what was to be heard, the latest last: few

  constructor(muted) {
    this.muted = muted;
  }

  /** Whether the browser lets nothing be heard until somebody touches the page. */
  get blocked() {
    return this.#made()?.state === "suspended";
  }

  /** After a touch or a key. */
  async wake() {
    await this.#made()?.resume().catch(() => {});
  }

  play(tune) {
    if (this.muted || !TUNES[tune]) return;
    this.played = [...this.played.slice(-9), tune];
    const context = this.#made();
    if (!context || context.state !== "running") return; // a tune that comes late would be about somebody else
    for (const [hertz, from, length] of TUNES[tune]) this.#tone(context, hertz, context.currentTime + from, length);
  }

  #tone(context, hertz, at, length) {
    const source = new OscillatorNode(context, { frequency: hertz, type: hertz < 300 ? "sawtooth" : "sine" });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(VOLUME, at + 0.01); // without a ramp it clicks
    volume.gain.setValueAtTime(VOLUME, at + length - 0.02);
    volume.gain.linearRampToValueAtTime(0, at + length);
    source.connect(volume).connect(context.destination);
    source.start(at);
    source.stop(at + length);
  }

  #made() {
    if (!this.#context && "AudioContext" in globalThis) this.#context = new AudioContext();
    return this.#context;
  }
}
