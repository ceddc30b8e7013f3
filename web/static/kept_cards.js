// Cards that were read and that the node has not answered for: sent in order, again and again, and kept in the browser.

import { ask } from "./api.js";
import { uuid7 } from "./ids.js";

const FORM = 1;
const RETRY_MS = 2_000;
const MOST = 500; // more than a hall in which the node is away; the rest is for the roll-call

/** Whether the node may say something else when it is asked again. */
export const passes = (error) => error.offline || error.status >= 500 || error.status === 429 || error.signedOut;

export class KeptCards {
  /**
   * `place` tells page and venue. `path(card)` is where a card goes. `hooks`: answered(card, answer), refused(card,
   * error), waits(card, error); a card is {payload, event, lecture}.
   */
  constructor(storage, place, path, hooks) {
    this.storage = storage;
    this.key = `cards:${FORM}:${place}`;
    this.path = path;
    this.hooks = hooks;
    this.cards = this.#read();
    this.sending = false;
    if (this.cards.length) this.#send();
  }

  /** Somebody showed a card; `lecture` is the one that it is meant for, null where none is known. */
  add(payload, lecture) {
    if (this.cards.some((card) => card.payload === payload)) return;
    // The id is made once: however often it is sent, it is one check-in.
    this.cards = [...this.cards, { payload, lecture, event: uuid7() }].slice(0, MOST);
    this.#write();
    this.#send();
  }

  get waiting() {
    return this.cards.length;
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    clearTimeout(this.again);
    while (this.cards.length) {
      const [card] = this.cards;
      try {
        const { payload, event, lecture } = card;
        const body = { payload, event, ...(lecture ? { lecture } : {}) };
        const answer = await ask("POST", this.path(card), body, { timeoutMs: 4_000 });
        this.#done(card);
        this.hooks.answered(card, answer);
      } catch (error) {
        if (passes(error)) {
          for (const each of this.cards) this.hooks.waits(each, error);
          this.again = setTimeout(() => this.#send(), RETRY_MS * (0.5 + Math.random()));
          break;
        }
        this.#done(card);
        this.hooks.refused(card, error);
      }
    }
    this.sending = false;
  }

  #done(card) {
    this.cards = this.cards.filter((each) => each !== card);
    this.#write();
  }

  #read() {
    try {
      return JSON.parse(this.storage.getItem(this.key) ?? "[]");
    } catch {
      return []; // forbidden, or not ours
    }
  }

  #write() {
    try {
      if (this.cards.length) this.storage.setItem(this.key, JSON.stringify(this.cards));
      else this.storage.removeItem(this.key);
    } catch {
      // the page still holds them
    }
  }
}
