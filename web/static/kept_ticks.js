// Ticks that the node has not answered for, kept in the browser so that a reload loses none.

const FORM = 1;

export class KeptTicks {
  /** `storage` as localStorage; `place` tells lecture and venue. */
  constructor(storage, place) {
    this.storage = storage;
    this.key = `ticks:${FORM}:${place}`;
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
