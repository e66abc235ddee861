"""Which turns are answered without being had."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.desk import Desk, open_desk
from crosstree.core.plan import Promise
from crosstree.core.policy import Policy
from crosstree.core.refused import Refused
from crosstree.core.search_turns import IN_TURN, SEARCHES
from crosstree.core.snapshot import Snapshot
from crosstree.core.start import start
from crosstree.core.vain import known_in_vain
from crosstree.core.workload import Gang
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

NOBODY_TOLD = Policy(reservations=0)
FIRST = a_gang(4, name="first")
SECOND = replace(FIRST, key="other/second", uid="second", created=5.0)


def full(**changes: object) -> Snapshot:
    """Four nodes, all of them held by a gang of priority 0."""
    empty = a_snapshot(a_pool(leaves=1, nodes=4))
    return with_running(empty, running(a_gang(4, name="there"), list(empty.names), empty), **changes)


def after_turn_of(gang: Gang, snapshot: Snapshot) -> Desk:
    """Let a gang have its turn, in vain."""
    desk = open_desk(snapshot, NOBODY_TOLD, NOW)
    refused = start(gang, 1, desk)
    assert isinstance(refused, Refused) and not refused.again
    return desk


def test_who_asks_for_the_same_gets_the_same_answer_under_its_own_name() -> None:
    desk = after_turn_of(FIRST, full())
    found = known_in_vain(SECOND, 7, desk)
    assert found == Refused(SECOND, 7, again=True)
    assert known_in_vain(replace(SECOND, workers=3), 7, desk) is None


def test_who_was_promised_a_place_has_a_turn_of_its_own() -> None:
    desk = after_turn_of(FIRST, full())
    promised = replace(SECOND, promise=Promise(H100, (), ("there",), NOW + 60))
    assert known_in_vain(promised, 7, desk) is None


def test_once_something_is_booked_everybody_has_a_turn_again() -> None:
    desk = after_turn_of(FIRST, full())
    desk.accounts.take("default", H100, 8)
    assert known_in_vain(SECOND, 7, desk) is None


def test_a_gang_that_got_no_search_for_victims_answers_for_nobody() -> None:
    desk = open_desk(full(), NOBODY_TOLD, NOW)
    desk.clearing.searches = SEARCHES + IN_TURN
    assert isinstance(start(replace(FIRST, priority=9), 1, desk), Refused)
    assert known_in_vain(replace(SECOND, priority=9), 2, desk) is None


def test_nobody_answers_for_others_while_some_are_still_told_when_they_start() -> None:
    desk = open_desk(full(), Policy(reservations=1), NOW)
    assert isinstance(start(FIRST, 1, desk), Refused)
    assert known_in_vain(SECOND, 2, desk) is None
