"""What has failed in a cycle is not tried again, unless it would stay for less long."""

from __future__ import annotations

from dataclasses import fields, replace

from crosstree.core.tried import Tried, shape_of
from crosstree.core.workload import Expectation, Gang, Source
from tests.support.builders.core import a_gang
from tests.support.virtual_time import declared

WHO_AND_WHEN = {"key", "uid", "priority", "created", "queue", "expected", "promise", "told"}
HOUR = replace(a_gang(), expected=declared(3600))


def test_every_field_of_a_gang_is_part_of_its_shape_or_known_not_to_matter() -> None:
    shaping = {field.name for field in fields(Gang)} - WHO_AND_WHEN
    assert (
        len(shape_of(a_gang())) == len(shaping) + 2
    )  # and whether its priority is negative; and how a bound cuts it
    assert shape_of(a_gang(name="a", queue="x", priority=1)) == shape_of(a_gang(name="b", queue="y"))


def test_what_fails_whatever_is_reserved_fails_for_every_stay() -> None:
    tried = Tried()
    tried.note(HOUR, limited=False, reserved=False)
    assert tried.failed(replace(HOUR, expected=declared(1)))
    assert tried.failed(replace(HOUR, expected=None))
    assert not tried.failed(replace(HOUR, workers=1))


def test_what_fails_behind_a_reservation_is_tried_again_by_who_stays_shorter() -> None:
    tried = Tried()
    tried.note(HOUR, limited=False, reserved=True)
    assert tried.failed(replace(HOUR, expected=declared(3600)))
    assert tried.failed(replace(HOUR, expected=None))
    assert not tried.failed(replace(HOUR, expected=declared(3599)))


def test_what_a_quota_had_a_part_in_fails_in_that_queue_alone() -> None:
    tried = Tried()
    tried.note(HOUR, limited=True, reserved=False)
    assert tried.failed(HOUR)
    assert not tried.failed(replace(HOUR, queue="other"))


def test_gangs_that_their_bounds_end_at_different_times_are_told_apart_if_they_can_shrink() -> None:
    early = a_gang(4, sizes=(4, 2), expected=Expectation(3600.0, Source.DECLARED, 0.9, 3600.0))
    late = replace(early, expected=Expectation(3600.0, Source.DECLARED, 0.9, 7200.0))
    assert shape_of(early) != shape_of(late)
    assert shape_of(replace(early, sizes=())) == shape_of(replace(late, sizes=()))
