// Pure: what the venue's screen shows and says, from what is known.

const GRACE_MS = 4_000; // a hiccup is not worth a word
const REFUSED = ["refused", "revoked", "not_enrolled"];

/**
 * known: {screen, unreachableSince, linkDown, signedOut, player, slides, now}; times in Unix ms or null, `screen` the
 * last answer of /api/screen, `linkDown` {since} (null: not known since when) or null, `player` {state, problem} or null,
 * `slides` whether they are seen.
 * → {state: idle | waiting | connecting | live | sound | stalled, says, more (keys of phrases) or sentence, since,
 * fields}
 */
export function decide({ screen, unreachableSince, linkDown, signedOut, player, slides, now }) {
  if (player?.state === "live" || slides) return { state: "live", says: "connecting", more: "connecting_more" };
  if (player?.state === "sound") return told("sound", player.held ? "sound_held" : "sound_only");
  if (signedOut) return told("idle", "signed_out");
  if (unreachableSince && (now - unreachableSince > GRACE_MS || !screen)) {
    return { ...told("connecting", "node"), since: unreachableSince };
  }
  if (!screen) return told("connecting", "connecting");
  if (screen.state === "no_venue") return { state: "waiting", sentence: screen.sentence };
  const link = linkTrouble(screen.link, linkDown, now);
  if (!["waiting", "live"].includes(screen.state)) return link ?? nothing(screen);
  const trouble = doorTrouble(player?.problem) ?? link;
  if (trouble) return trouble;
  // What arrives at the node, the node knows. What this page does about it is not worth a word while nothing does.
  if (screen.state === "waiting" || player?.state === "waiting") return told("waiting", "waiting");
  return player?.state === "stalled" ? told("stalled", "stalled") : told("connecting", "connecting");
}

/** Which lecture to play; null: none. */
export function wanted(screen) {
  return ["waiting", "live"].includes(screen.state) && screen.lecture ? screen.lecture.id : null;
}

function nothing(screen) {
  if (screen.state !== "planned") return told("idle", "idle");
  const startsAt = screen.lecture?.starts_at;
  return startsAt ? { ...told("idle", "planned"), startsAt } : told("idle", "planned_soon");
}

function linkTrouble(link, down, now) {
  if (REFUSED.includes(link.state)) return told("waiting", "refused");
  if (!down) return null;
  if (down.since === null) return { state: "waiting", says: "uplink", more: "uplink_more_unknown" };
  return now - down.since > GRACE_MS ? { ...told("waiting", "uplink"), since: down.since } : null;
}

function doorTrouble(problem) {
  if (!problem || problem.status === 409) return null;
  if (problem.code === "no_path") return told("connecting", "no_path");
  if (problem.status === 422) return told("waiting", "undecodable");
  if (problem.status === 429 || problem.status >= 500) return told("waiting", "busy");
  if (problem.status === 401 || problem.status === 403) {
    return { ...told("waiting", "refused_view"), fields: { reason: problem.code } };
  }
  return null;
}

function told(state, key) {
  return { state, says: key, more: `${key}_more` };
}
