// Pure: tells the keys of a card scanner, which types as a keyboard does, from those of a person.

const WHOLE = 180; // digits of a card (attendance/badge.py)
const LEAST = 8; // digits, before it can be a scanner at all
const QUICK_MS = 50; // between two keys, on average: nobody types eight digits so quickly
const PAUSE_MS = 700; // a scanner does not stop for so long within one card
const ENDS = new Set(["Enter", "NumpadEnter", "Tab"]);
const BY_CODE = /^(?:Digit|Numpad)([0-9])$/;

/**
 * The digit that a key stands for, or null. By its place on the keyboard first: a Chinese input method that is at work
 * calls every key "Process" (keyCode 229), makes full-width digits or takes them to choose a word; the place stays.
 */
export function digitOf({ code, key, altKey, ctrlKey, metaKey }) {
  if (altKey || ctrlKey || metaKey) return null;
  const place = BY_CODE.exec(code ?? "");
  if (place) return place[1];
  const typed = (key ?? "").normalize("NFKC");
  return /^[0-9]$/.test(typed) ? typed : null;
}

export const isEnd = ({ code, key }) => ENDS.has(code) || (!code && ENDS.has(key));

/** Feed it every key; times in ms. */
export class ScannerKeys {
  digits = "";
  #first = 0;
  #last = 0;

  /** {code, key, altKey, ctrlKey, metaKey}, when → {scanning: from a scanner, ours: nobody else may see it, payload or null} */
  press(key, at) {
    if (this.digits && at - this.#last > PAUSE_MS) this.reset();
    const digit = digitOf(key);
    if (digit !== null) {
      if (!this.digits) this.#first = at;
      this.digits += digit;
      this.#last = at;
      return { scanning: this.scanning, ours: this.scanning, payload: null };
    }
    if (isEnd(key) && this.scanning) return { scanning: false, ours: true, payload: this.#take() };
    // Shift and the like come between the digits of some scanners; any letter ends it.
    if (this.digits && !["Shift", "CapsLock", "NumLock", "Unidentified"].includes(key.key)) this.reset();
    return { scanning: this.scanning, ours: false, payload: null };
  }

  /** Some scanners send no Enter: a whole card after which nothing comes, or null. */
  quiet(at) {
    if (!this.digits || at - this.#last < PAUSE_MS) return null;
    if (this.digits.length === WHOLE && this.scanning) return this.#take();
    this.reset();
    return null;
  }

  /** Whether what came so far can only be a scanner. */
  get scanning() {
    const n = this.digits.length;
    return n >= LEAST && (this.#last - this.#first <= (n - 1) * QUICK_MS || n > WHOLE / 2);
  }

  reset() {
    this.digits = "";
  }

  #take() {
    const { digits } = this;
    this.reset();
    return digits;
  }
}
