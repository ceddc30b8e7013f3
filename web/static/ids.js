// Identifiers that a page makes itself, so that asking twice changes nothing.

/** A UUIDv7 (RFC 9562 §5.7); works on plain http pages too, where crypto.randomUUID is missing. */
export function uuid7(nowMs = Date.now(), random = crypto.getRandomValues(new Uint8Array(10))) {
  const bytes = new Uint8Array(16);
  for (let place = 0; place < 6; place += 1) bytes[place] = Math.floor(nowMs / 2 ** (8 * (5 - place))) % 256;
  bytes.set(random, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** When a UUIDv7 was made, in Unix milliseconds. */
export const timeOf = (id) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
