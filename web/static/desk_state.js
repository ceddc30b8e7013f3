// Pure: whom a lecture meets on the screens when it goes on air.

/**
 * `lecture` and `others` (those that are live) as the API tells them, each of `others` with the `lineage` of its venue:
 * the ids of all venues from the root down to it; `lineage` is that of `lecture`.
 *
 * A screen shows the one that began last. → null when no screen is meant for two, else {title, says: "switch" (they will
 * show this one) or "hidden" (they go on showing the other)}.
 */
export function rival(lecture, others, lineage) {
  const shared = others.filter((other) => lineage.includes(other.venue) || other.lineage.includes(lecture.venue));
  const later = ({ started_at: time }) => lecture.state === "live" && Date.parse(time) > Date.parse(lecture.started_at);
  const found = shared.find(later) ?? shared[0];
  return found ? { title: found.title, says: later(found) ? "hidden" : "switch" } : null;
}
