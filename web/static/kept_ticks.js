// Ticks that the node has not answered for, kept in the browser so that a reload loses none.

import { timeOf } from "./ids.js";

const FORM = 1;
const BEGIN = `ticks:${FORM}:`;
const LONGEST_MS = 7 * 86_400_000; // after that the lecture is long handed in, and the names are to go

export class KeptTicks {
  /** `storage` as localStorage; `place` tells lecture and venue. */
  constructor(storage, place) {
    this.storage = storage;
    this.key = `${BEGIN}${place}`;
  }

  /** Map: key of a person → the row that was ticked, with `mine`, the id of its check-in. */
  read() {
    try {
      return new Map(JSON.parse(this.storage.getItem(this.key) ?? "[]"));
    } catch {
      return new Map(); // forbidden, or not ours
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

/** Drop, of all lectures, the ticks that were made too long ago: names do not stay in a browser to which nobody returns. */
export function dropOld(storage, nowMs) {
  const places = Object.keys(storage).filter((key) => key.startsWith(BEGIN));
  for (const place of places.map((key) => key.slice(BEGIN.length))) {
    const kept = new KeptTicks(storage, place);
    kept.write(new Map([...kept.read()].filter(([, row]) => timeOf(row.mine) > nowMs - LONGEST_MS)));
  }
}
