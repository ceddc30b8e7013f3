// Ticks that the node has not answered for, kept in the browser so that a reload loses none.

const FORM = 1;
const PREFIX = `ticks:${FORM}:`;
const KEPT_MS = 7 * 24 * 3600 * 1000; // long after the last moment at which a node takes a check-in

export class KeptTicks {
  /** `storage` as localStorage; `place` tells lecture and venue. */
  constructor(storage, place) {
    this.storage = storage;
    this.key = PREFIX + place;
    this.#sweep(Date.now());
  }

  /** Map: key of a person → the row that was ticked, with `mine`, the id of its check-in. */
  read() {
    try {
      return new Map(JSON.parse(this.storage.getItem(this.key) ?? "[]"));
    } catch {
      return new Map(); // forbidden, or not ours
    }
  }

  /** Names do not stay in a browser for ever: those of a roll-call that nobody opened again go. */
  #sweep(now) {
    try {
      for (const key of Object.keys(this.storage).filter((each) => each.startsWith(PREFIX))) {
        const ids = JSON.parse(this.storage.getItem(key)).map(([, row]) => row.mine);
        if (!ids.some((id) => now - writtenAt(id) < KEPT_MS)) this.storage.removeItem(key);
      }
    } catch {
      // forbidden, or not ours
    }
  }

  write(unsaved) {
    try {
      if (unsaved.size) this.storage.setItem(this.key, JSON.stringify([...unsaved]));
      else this.storage.removeItem(this.key);
    } catch {
      // the page still holds them, and says so before it is closed
    }
  }
}

/** When a UUIDv7 was made (RFC 9562 §5.7): ms since 1970. */
function writtenAt(id) {
  return parseInt(id.replace("-", "").slice(0, 12), 16);
}
