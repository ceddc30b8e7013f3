// What publishing (WHIP, RFC 9725) and playing (WHEP) share: one POST, one session URL, and a loop that never gives up.

import { ApiError, node, retryAfterMs } from "./api.js";

const FIRST_MS = 250;
const MOST_MS = 5_000;
const ANSWER_MS = 8_000;
const LEAVE_MS = 1_000;
const CONNECT_MS = 10_000;
const LOOK_MS = { connecting: 100, stalled: 100, waiting: 250, sound: 250 };

/** Full jitter: wait anything up to a bound that doubles, but never less than the server asked for. */
export class Backoff {
  constructor(random = Math.random) {
    this.random = random;
    this.failures = 0;
  }

  reset() {
    this.failures = 0;
  }

  next(atLeastMs = 0) {
    const bound = Math.min(MOST_MS, FIRST_MS * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
    // Spread those who were all told the same Retry-After.
    return Math.max(this.random() * bound, 20) + (atLeastMs ? atLeastMs * (1 + this.random() * 0.25) : 0);
  }
}

/** The session ended or never began; `code` is for the page's words, `status` is HTTP's (0: not reached). */
export class MediaError extends Error {
  constructor(code, status = 0, retryMs = 0) {
    super(code);
    this.code = code;
    this.status = status;
    this.retryMs = retryMs;
  }
}

/**
 * One lasting session with a media door. A subclass gives `prepare(peer)` and `progress(stats)`.
 *
 * Events: "state" when `state` changes (idle, waiting, connecting, stalled, or what `progress` says) and "stats" once a
 * second while connected. `problem` is the last MediaError until the session stands again.
 */
export class MediaSession extends EventTarget {
  /** `getDoor()` → {url, token}, asked anew at each attempt so that a token is always fresh. */
  constructor(getDoor, { random = Math.random } = {}) {
    super();
    this.getDoor = getDoor;
    this.backoff = new Backoff(random);
    this.state = "idle";
    this.problem = null;
    this.peer = null;
    this.session = null;
    this.running = null;
    this.wake = null;
    this.look = null;
    this.over = false;
    this.leave = () => this.#delete(true);
    this.renew = () => this.#renew();
  }

  start() {
    if (this.running) return;
    this.running = new AbortController();
    addEventListener("pagehide", this.leave);
    node.addEventListener("again", this.renew);
    this.#run(this.running.signal);
  }

  stop() {
    if (!this.running) return;
    removeEventListener("pagehide", this.leave);
    node.removeEventListener("again", this.renew);
    this.running.abort();
    this.running = null;
    this.#close();
    this.problem = null;
    this.become("idle");
  }

  /** Something good has happened elsewhere: try now instead of later. Nothing while a session stands. */
  hurry() {
    this.wake?.();
  }

  /** The node has begun anew and knows nothing of this session, whatever it looks like from here. */
  #renew() {
    this.over = true;
    this.backoff.reset();
    this.look?.();
    this.wake?.();
  }

  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  async #run(signal) {
    while (!signal.aborted) {
      let problem;
      try {
        if (this.state === "idle") this.become("connecting");
        await this.#attempt(signal);
      } catch (error) {
        problem = asMediaError(error);
      }
      if (signal.aborted) return;
      this.#close();
      this.problem = problem;
      // Nothing is on air, or somebody else is: no fault, but a turn to wait for, at the pace that the server gives.
      if (problem.status === 409) this.backoff.reset();
      // Everything else is a lost link that is tried again.
      this.state = ""; // the problem may have changed though the word for it has not
      this.become(problem.status === 409 ? "waiting" : problem.code === "stalled" ? "stalled" : "connecting");
      await interruptible(this.backoff.next(problem.retryMs), signal, (wake) => (this.wake = wake));
      this.wake = null;
    }
  }

  /** Connect and watch; returns only by throwing MediaError. */
  async #attempt(signal) {
    this.over = false;
    const door = await this.getDoor();
    if (signal.aborted) return;
    // The server is ICE-lite and puts all its candidates in the answer: no ICE server, no trickle, no gathering wait.
    const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
    this.peer = peer;
    await this.prepare(peer);
    await peer.setLocalDescription(await peer.createOffer());
    await this.#post(peer, door, signal);
    if (!signal.aborted && this.state !== "stalled") this.become("connecting");
    await this.#watch(peer, signal);
  }

  async #post(peer, door, signal) {
    const response = await fetch(door.url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${door.token}` },
      body: peer.localDescription.sdp,
      signal: AbortSignal.any ? AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) : AbortSignal.timeout(ANSWER_MS),
    });
    if (response.status !== 201) {
      const { error } = await response.json().catch(() => ({}));
      throw new MediaError(error?.code ?? "refused", response.status, retryAfterMs(response.headers) ?? 0);
    }
    const location = response.headers.get("Location");
    // Relative to the URL that answered, which a 307 may have moved (RFC 9725 §4.2).
    if (location) this.session = { url: new URL(location, response.url).href, token: door.token };
    const sdp = await response.text();
    if (signal.aborted) return;
    await peer.setRemoteDescription({ type: "answer", sdp: this.answered(sdp) });
  }

  /** A subclass may adapt the answer before the browser takes it. */
  answered(sdp) {
    return sdp;
  }

  /** Once a second, and more often until it is live: is the connection up, and does anything move? */
  async #watch(peer, signal) {
    const begun = performance.now();
    let lostSince = null;
    while (!signal.aborted) {
      await interruptible(LOOK_MS[this.state] ?? 1_000, signal, (look) => (this.look = look));
      if (signal.aborted) return;
      if (this.over) throw new MediaError("lost");
      const now = performance.now();
      const link = peer.connectionState;
      if (link === "failed" || link === "closed") throw new MediaError("lost");
      lostSince = link === "disconnected" ? (lostSince ?? now) : null;
      if (lostSince !== null && now - lostSince > 3000) throw new MediaError("lost");
      const late = now - begun > CONNECT_MS;
      if (link !== "connected") {
        if (late && lostSince === null) throw new MediaError("no_path");
        continue;
      }
      const verdict = this.progress(await peer.getStats(), now);
      if (verdict === "reconnect") throw new MediaError("stalled");
      if (verdict === null && late && this.state === "connecting") throw new MediaError("no_picture");
      if (verdict === null) continue;
      if (verdict !== "waiting") this.backoff.reset();
      this.problem = null;
      this.become(verdict);
    }
  }

  #close() {
    const { peer } = this;
    this.peer = null;
    // DELETE first: once DTLS says goodbye the server has forgotten the session and DELETE would find nothing.
    this.#delete(false).then(() => peer?.close());
  }

  async #delete(keepalive) {
    if (!this.session) return;
    const { url, token } = this.session;
    this.session = null;
    const options = { method: "DELETE", headers: { Authorization: `Bearer ${token}` }, keepalive };
    await fetch(url, { ...options, signal: AbortSignal.timeout(LEAVE_MS) }).catch(() => {});
  }
}

function asMediaError(error) {
  if (error instanceof MediaError) return error;
  if (error instanceof ApiError) {
    return new MediaError(error.offline ? "offline" : error.code, error.status, error.retryAfterMs ?? 0);
  }
  // fetch fails with TypeError when the node is not reached, and TimeoutError when it does not answer.
  const offline = error instanceof TypeError || ["TimeoutError", "AbortError"].includes(error?.name);
  if (!offline) console.warn("media session:", error);
  return new MediaError(offline ? "offline" : "broken");
}

function interruptible(ms, signal, giveWake = () => {}) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    giveWake(done);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}

/** The statistics of one kind, e.g. all "inbound-rtp". */
export function ofType(stats, type) {
  return [...stats.values()].filter((report) => report.type === type);
}
