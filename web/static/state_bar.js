// The operator's one bar: link upward, picture, clock, what is not yet reported upward, how many are present.

import { clock, say } from "./api.js";

export class StateBar {
  constructor(element) {
    this.element = element;
    this.part = (id) => element.querySelector(`#${id}`);
    this.downSince = null;
    this.offset = 0;
    setInterval(() => this.#put("clock", clock(Date.now() + this.offset, true)), 1000);
  }

  node({ link, pending_events: pending, oldest_pending_s: oldest, time }) {
    this.offset = Date.parse(time) - Date.now(); // the node's clock is the one that counts
    const good = link.state === "root" || link.state === "connected";
    const refused = ["refused", "revoked", "not_enrolled"].includes(link.state);
    this.downSince = good ? null : link.since ? Date.parse(link.since) : (this.downSince ?? Date.now());
    const words = link.state === "root" ? "uplink_root" : good ? "uplink_connected" : refused ? "uplink_refused" : "uplink_down_since";
    this.#put("uplink", say(words, { time: clock(this.downSince ?? Date.now()) }), good ? "good" : "bad");
    const since = oldest ? clock(Date.parse(time) - oldest * 1000) : "";
    this.#put("pending", pending ? say(since ? "pending_oldest" : "pending", { n: pending, time: since }) : say("pending_none"), pending ? "warn" : "good");
  }

  picture(stream) {
    if (!stream) return;
    const words = stream.picture ? "picture_live" : stream.sound ? "picture_sound" : "picture_waiting";
    this.#put("picture", say(words), stream.picture ? "good" : "warn");
  }

  count({ present, expected, people }) {
    const guests = people.filter((person) => person.guest && person.present).length;
    const left = people.filter((person) => person.state === "signed_out").length;
    const now = say(guests ? "count_guests" : "count", { present: present - guests, expected, guests });
    this.#put("count", left ? `${now} ${say("count_left", { n: left })}` : now);
  }

  reached(yes) {
    this.element.classList.toggle("bad", !yes);
  }

  #put(id, text, kind) {
    const part = this.part(id);
    if (part.textContent !== text) part.textContent = text;
    if (kind) part.className = `state ${kind}`;
  }
}
