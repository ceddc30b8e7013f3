from __future__ import annotations

from attendance.figures import Figures, Group, HomeGroup, Sums

# 1 > 2 > 3, 4; 1 > 5
PATHS = {1: {1: 1}, 2: {1: 1, 2: 2}, 3: {1: 1, 2: 2, 3: 3}, 4: {1: 1, 2: 2, 3: 4}, 5: {1: 1, 2: 5}}
ALL = {1: 1, 2: 2, 5: 2, 3: 3, 4: 3}


def group(venue: int, home: int | None, people: int = 1, late: int = 0) -> Group:
    return Group(venue=venue, home=home, people=people, late=late, early=0, attended=people, seconds=60 * people)


def test_a_guest_of_a_village_may_be_at_home_in_its_township() -> None:
    sums = Sums(ALL)
    sums.attended([group(3, 3, 4), group(3, 4, 2, late=1), group(3, 5), group(3, None)], PATHS)
    found = sums.found
    told = {venue: (one.present, one.guests, one.late, one.seconds) for venue, one in found.items()}
    assert told == {1: (8, 1, 1, 480), 2: (8, 2, 1, 480), 5: (0, 0, 0, 0), 3: (8, 4, 1, 480), 4: (0, 0, 0, 0)}


def test_who_is_unseen_is_told_by_whether_the_home_has_handed_in() -> None:
    groups = [
        HomeGroup(home=3, status="present", people=3, late=1, early=0, credit=600),
        HomeGroup(home=3, status="leave", people=1, late=0, early=0, credit=0),
        HomeGroup(home=4, status="makeup", people=1, late=0, early=0, credit=200),
        HomeGroup(home=4, status="absent", people=1, late=0, early=0, credit=0),
    ]
    sums = Sums(ALL)
    sums.at_home(groups, {3: 6, 4: 5, 5: 2}, {3: True, 5: False}, PATHS)
    found = sums.found
    assert (found[3].unseen_final, found[3].unseen_open, found[3].final) == (2, 0, 1)
    assert (found[4].unseen_final, found[4].unseen_open, found[4].marked_absent) == (0, 3, 1)
    top = found[1]
    assert (top.expected, top.came, top.came_late, top.leave, top.makeup, top.credit) == (13, 3, 1, 1, 1, 800)
    assert (top.unseen_final, top.unseen_open, top.final, top.incomplete) == (2, 5, 1, 1)


def test_more_than_were_expected_leave_nobody_unseen() -> None:
    sums = Sums({3: 3})
    sums.at_home([HomeGroup(home=3, status="present", people=3, late=0, early=0, credit=0)], {3: 1}, {}, PATHS)
    found = sums.found
    assert (found[3].came, found[3].unseen_open) == (3, 0)


def test_both_bases_beside_each_other() -> None:
    sums = Sums({1: 1, 5: 2})
    sums.attended([group(3, 3, 2)], PATHS)
    sums.at_home([], {3: 3}, {5: True}, PATHS)
    assert sums.found == {
        1: Figures(present=2, attended=2, seconds=120, expected=3, unseen_open=3, final=1),
        5: Figures(final=1),
    }
