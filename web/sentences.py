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
ALL: tuple[str, ...] = tuple(sentence for table in (LINK, READINESS, SCREEN) for sentence in table.values())
