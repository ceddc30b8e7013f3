"""What a node says of itself in words: the keys under which the catalogues translate them."""

from __future__ import annotations

from collections.abc import Mapping

LINK: Mapping[str, str] = {
    "root": "This is the top of the tree.",
    "not_enrolled": "This node has not been enrolled yet.",
    "connecting": "Connecting to the venue above …",
    "connected": "Connected to the venue above.",
    "refused": "The venue above refuses this node.",
    "unreachable": "The venue above cannot be reached. Check-in goes on; it will be sent later.",
    "revoked": "This node has been revoked by the venue above.",
}
READINESS: Mapping[str, str] = {
    "ready": "Ready.",
    "no_tree": "There are no venues yet. Import them with: tongtang venues import FILE.csv",
    "waiting_for_tree": "Waiting for the list of venues from the venue above …",
    "not_enrolled": "This node has not been enrolled yet. Enrol it with: tongtang node enrol",
}
SCREEN: Mapping[str, str] = {
    "no_lecture": "No lecture is planned.",
    "planned": "The lecture has not begun yet.",
    "waiting": "The lecture has begun. Waiting for the picture …",
    "live": "The lecture is on air.",
}
KIOSK: Mapping[str, str] = {
    "open": "Please hold your card up.",
    "early": "The lecture has not begun yet. Cards are taken from two hours before it.",
    "no_lecture": "No lecture is planned.",
    "closed": "The attendance of this venue has been handed in.",
}
# Why an event is kept aside, by the code of docs/sync.md.
QUARANTINE: Mapping[str, str] = {
    "event_not_object": "What came is not an event at all. The program at that venue is probably broken or foreign.",
    "event_field_missing": "A part of the event is missing. The program at that venue is probably of another version.",
    "event_field_unknown": "The event says something that this program does not know. Bring this node up to date: then "
    "it is taken by itself.",
    "event_field_invalid": "A part of the event cannot be right, such as a time that is none.",
    "content_differs": "Another event with the same id came before and counts. Was a disk copied, or an event changed?",
    "venue_outside": "The event is of a venue that is not below the node that sent it. When the tree of venues is put "
    "right, it is taken by itself.",
    "store_refused": "The database would not take the event.",
    "row_damaged": "The event is damaged in this node's own database, so it is not handed up. Look after the disk.",
}
# By attendance.twins_store.TwinKind.
TWIN: Mapping[str, str] = {
    "copied": "This node gave numbers twice: its disk was set back to an older state, or copied. Everything is kept "
    "and nobody is counted twice. If two machines run with this identity, revoke it and enrol each by itself.",
    "two_nodes": "Two nodes are enrolled for this venue. What both wrote is kept, and a person is counted once. Revoke "
    "the one that is not wanted any more.",
}
_OTHERWISE = "The event could not be taken."


def quarantined(code: str) -> str:
    return QUARANTINE.get(code, _OTHERWISE)


_TABLES = (LINK, READINESS, SCREEN, KIOSK, QUARANTINE, TWIN)
ALL: tuple[str, ...] = (_OTHERWISE, *(sentence for table in _TABLES for sentence in table.values()))
