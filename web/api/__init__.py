"""The JSON API, by subject. `web/openapi.py` describes it from the routes' own records; in short:

POST /api/session {name, password} → 201 {user, csrf}      GET, DELETE /api/session
GET  /api/node                                              the state bar: venue, link, streams, pending, clock
GET  /api/venues?q=&limit=                                  search within the caller's subtree
GET  /api/venues/{venue}   …/children                       one venue with path, status, counts; its children
POST /api/venues/{venue}/enrolment-tokens {expires_in_s, replace}
GET  /api/nodes            POST /api/nodes/{node}/revoke
GET  /api/lectures         POST /api/lectures {title, venue, starts_at}   GET /api/lectures/{lecture}
POST /api/lectures/{lecture}/start | stop
POST /api/lectures/{lecture}/publish-token | view-token     → 201 {token, expires_at, url}
GET, PUT /api/lectures/{lecture}/expected {units, levels, numbers}   whom it expects; nothing: everybody
GET  /api/lectures/{lecture}/stream                         {live, kbit_s, loss, viewers, venues_connected}
GET  /api/lectures/{lecture}/roll-call                      this node's venue: {people: […], expected, present}
POST /api/lectures/{lecture}/check-ins {person} or {number, name} (walk-in)   → 201; 200 if already checked in
POST /api/lectures/{lecture}/undo {event, reason}
GET  /api/lectures/{lecture}/report?venue=&level=            …/report.csv|xlsx|pdf?venue=&level=&whole=
    GET  /api/lectures/{lecture}/names?venue=&which=&limit=&offset=   …/names.csv|xlsx|pdf
GET, POST /api/lectures/{lecture}/versions?venue=            frozen; …/{number}.json|csv|xlsx|pdf, …/differences
GET  /api/lectures/{lecture}/flags?venue=   …/flags.csv|xlsx|pdf   what looks odd in how people checked in
POST /api/lectures/{lecture}/picture {screen, periods}      what a screen had of picture and sound; GET: so far
GET  /api/statistics?venue=&first=&last=   …/trend   …/venues   …/people?year=&order=   whole years; each .csv|xlsx|pdf
GET  /api/people?q=&venue=&limit=&offset=   …/{person}      the list of people: search; where at home now and before
POST /api/people/{person}/leave | return                    off the list of people, and on it again
GET  /api/people/{person}/record                            everything that a person attended
GET  /api/screen                                            what the venue's screen shows, asked each second
POST /api/check-in {code} with {number, name, remember} or {as_remembered}   a phone; `code` as in the QR code's URL
GET  /api/kiosk   POST /api/kiosk/frames?width=&height=     cards at the door: what it shows; a camera's frame read
POST /api/kiosk/check-ins {payload, event}                  a card was held up; …/api/lectures/{lecture}/badges: by hand
GET  /api/badges?venue=   …/badges/sheet.pdf?venue=|person= who has a card; the sheets to print
POST /api/badges {venue, renew} or {person}   …/badges/revoke {card, reason}
POST /api/node/enrol | challenge | token | heartbeat | events   GET /api/node/changes, /api/node/collections/{name}
"""

from __future__ import annotations
