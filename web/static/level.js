// A sound level meter: what the microphone really gives, ten times a second.

const FLOOR_DB = -60;

export class LevelMeter {
  constructor(meter, fill) {
    this.meter = meter;
    this.fill = fill;
    this.context = null;
    this.source = null;
    this.heardAt = 0;
    setInterval(() => this.#show(), 100);
  }

  listen(stream) {
    this.source?.disconnect();
    this.source = null;
    this.heardAt = performance.now();
    if (stream.getAudioTracks().length === 0) return;
    this.context ??= new AudioContext();
    this.analyser ??= new AnalyserNode(this.context, { fftSize: 2048 });
    this.source = this.context.createMediaStreamSource(new MediaStream(stream.getAudioTracks()));
    this.source.connect(this.analyser);
    this.wake();
  }

  /** How long a microphone that is there has given nothing at all; 0 without a microphone. */
  get silentMs() {
    return this.source && this.context.state === "running" ? performance.now() - this.heardAt : 0;
  }

  /** Browsers start sound processing only after a gesture. */
  wake() {
    if (this.context?.state === "suspended") this.context.resume().catch(() => {});
  }

  #show() {
    const level = this.source ? this.#level() : 0;
    if (level > 0) this.heardAt = performance.now();
    const percent = Math.round(level * 100);
    this.fill.style.setProperty("--level", level.toFixed(3));
    this.fill.classList.toggle("loud", level > 0.97);
    if (this.meter.getAttribute("aria-valuenow") !== String(percent)) this.meter.setAttribute("aria-valuenow", percent);
  }

  /** 0 (≤ −60 dBFS) to 1 (full scale), from the peak of the last 43 ms. */
  #level() {
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    return Math.min(1, Math.max(0, 1 - (20 * Math.log10(peak || 1e-9)) / FLOOR_DB));
  }
}
