// The JSON API as the pages use it, and the words that a page was rendered with.

let csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
const wordsElement = document.getElementById("words");
const words = wordsElement ? JSON.parse(wordsElement.textContent) : {};

export const language = document.documentElement.lang || "zh-CN";
export const timeZone = document.documentElement.dataset.timeZone || undefined;

/** A phrase of this page's language; `{name}` is filled from `fields`. */
export function say(key, fields = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in fields ? String(fields[name]) : whole));
}

/** The server said no (`status` 4xx or 5xx), or was not reached at all (`status` 0, `code` "offline"). */
export class ApiError extends Error {
  constructor(status, code, message, retryAfterMs = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  get offline() {
    return this.status === 0;
  }

  /** The node answers and can keep nothing; `message` says why. */
  get keepsNothing() {
    return this.code === "disk_full" || this.code === "database_away";
  }

  /** Nobody who may do this is signed in at this browser any more. */
  get signedOut() {
    return this.status === 401 || ["csrf_failed", "wrong_role", "outside_subtree"].includes(this.code);
  }
}

/** `Retry-After` (RFC 9110 §10.2.3: seconds or a date) in milliseconds, or null. */
export function retryAfterMs(headers, nowMs = Date.now()) {
  const value = headers.get("Retry-After");
  if (!value) return null;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 60_000) : null;
}

/** Hears "again" when the node that this page came from has begun anew: what was open there is gone. */
export const node = new EventTarget();
let instance = null;

function recognize(response) {
  const now = response.headers.get("Tongtang-Instance");
  const again = now && instance && now !== instance;
  instance = now ?? instance;
  if (again) node.dispatchEvent(new Event("again"));
}

/** Ask the node; `body` goes as JSON, bytes (a Uint8Array) as they are. Answers with parsed JSON (null without content);
 * throws ApiError, never anything else. */
export async function ask(method, path, body, options = {}) {
  try {
    return await once(method, path, body, options);
  } catch (error) {
    if (error.code !== "csrf_failed") throw error;
    ({ csrf } = await once("GET", "/api/session")); // somebody has signed in anew since this page was opened
    return once(method, path, body, options);
  }
}

async function once(method, path, body, { timeoutMs = 10_000, headers = {}, keepalive = false } = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers }, signal: AbortSignal.timeout(timeoutMs), keepalive };
  if (method !== "GET") options.headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) {
    const bytes = body instanceof Uint8Array;
    options.headers["Content-Type"] = bytes ? "application/octet-stream" : "application/json";
    options.body = bytes ? body : JSON.stringify(body);
  }
  let response;
  let text;
  try {
    response = await fetch(path, options);
    recognize(response);
    text = await response.text();
  } catch (problem) {
    throw new ApiError(0, "offline", problem.message);
  }
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new ApiError(response.status, "malformed", "The answer was not JSON.");
  }
  if (response.ok) return content;
  const error = content?.error ?? {};
  throw new ApiError(response.status, error.code ?? "error", error.message ?? response.statusText, retryAfterMs(response.headers));
}

/** Wall-clock hours and minutes in the node's time zone. */
export function clock(time, withSeconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  if (withSeconds) options.second = "2-digit";
  return new Intl.DateTimeFormat(language, options).format(new Date(time));
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
