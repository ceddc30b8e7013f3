// Pure: what the kiosk shows, and which card has only just been seen.

const SHOWN_MS = 4_000; // long enough to read a name, short enough for a queue
const REFUSED_MS = 7_000; // a sentence takes longer
const AGAIN_MS = 4_000; // a card that stays before the camera, or is read twice, is one card
const GRACE_MS = 4_000;
const OTHER_CODES = /^https?:\/\/[^?#]*\/[cr]\//; // the check-in codes on the venue's own screen

/** Remembers cards for as long as they stay in sight. */
export class Seen {
  #when = new Map();

  /** Whether `text` is to be acted upon: it was not seen within the last seconds. */
  fresh(text, now) {
    for (const [other, at] of this.#when) if (now - at > AGAIN_MS) this.#when.delete(other);
    const known = this.#when.has(text);
    this.#when.set(text, now);
    return !known;
  }
}

/** Whether a code before the camera is to be looked past. */
export const ignored = (text) => OTHER_CODES.test(text);

/** How long an answer is shown; `kind` as in `answer`. A card that waits is shown until the node answers. */
export const shownMs = (kind) => (kind === "refused" ? REFUSED_MS : ["waiting", "reading"].includes(kind) ? Infinity : SHOWN_MS);

/** The node's answer → what is shown. */
export function answer({ outcome, name, home, home_above: above, captured_at: at }) {
  return { kind: outcome, name, home: [above, home?.name].filter(Boolean).join(" · "), known: home !== null, at };
}

/**
 * known: {kiosk: last answer of /api/kiosk or null, unreachableSince, signedOut, now}
 * → {state: open | shut | trouble, says: key of a phrase, or sentence: the node's own, since}
 */
export function idle({ kiosk, unreachableSince, signedOut, now }) {
  if (signedOut) return { state: "trouble", says: "signed_out" };
  if (unreachableSince && (!kiosk || now - unreachableSince > GRACE_MS)) return { state: "trouble", says: "node", since: unreachableSince };
  if (!kiosk) return { state: "shut", says: "connecting" };
  return { state: kiosk.state === "open" ? "open" : "shut", sentence: kiosk.sentence };
}
