"""The pages that people see, by subject; every one is a route record like those of the API.

/sign-in  /sign-out  /language/{locale}      who one is, and in which language
/                                            home, by role
/lectures  /lectures/{lecture}/desk          plan, start, stop; the lecturer's desk
/screen  /kiosk  /lectures/{lecture}/roll-call  what a venue works with
/c/{code}  /r/{code}                         a phone checks in (the QR codes' addresses), here or for a venue below
/venues[/{venue}]  /people[/{person}]        the tree, enrolment, the list of people
/people/import  /{people,venues}/template.* bringing in the list of people; empty lists to fill in
/badges                                      cards: issue, print, revoke
/privacy  /quarantine                        erasing a person; what this node keeps aside
/lectures/{lecture}/expected                 whom the lecture expects: units, levels, a list of people
/lectures/{lecture}/report  …/names          the organizer's figures and the names behind them
/lectures/{lecture}/flags                    what looks odd in how people checked in
/lectures/{lecture}/versions/{number}        a frozen version; …/differences
/lectures/{lecture}/people/{person}          one person's history in a lecture, and corrections
/statistics[/venues|/people]                 whole years: sums and trends, who takes part reliably, people's hours
/people/{person}/record                      everything that a person attended
/policies                                    how attendance is judged, version by version
"""

from __future__ import annotations

from web.pages import (
    badges,
    check_in,
    expected,
    flags,
    frozen,
    home,
    lectures,
    list_templates,
    people,
    people_import,
    person,
    policies,
    privacy,
    report,
    roster,
    sign_in,
    statistics,
    venue,
    venues,
)
from web.routes import Route

__all__ = ["ROUTES"]

ROUTES: list[Route] = [
    *sign_in.ROUTES,
    *home.ROUTES,
    *lectures.ROUTES,
    *expected.ROUTES,
    *venue.ROUTES,
    *check_in.ROUTES,
    *venues.ROUTES,
    *people.ROUTES,
    *people_import.ROUTES,
    *list_templates.ROUTES,
    *badges.ROUTES,
    *roster.ROUTES,
    *privacy.ROUTES,
    *report.ROUTES,
    *flags.ROUTES,
    *frozen.ROUTES,
    *person.ROUTES,
    *policies.ROUTES,
    *statistics.ROUTES,
]
