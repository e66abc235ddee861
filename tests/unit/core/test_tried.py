"""What has failed in a cycle is not tried again, unless it would stay for less long."""

from __future__ import annotations

import gc
from dataclasses import fields, replace
from weakref import ref

import pytest

from crosstree.core.alike import asking, shape_of, shaping
from crosstree.core.tried import Tried
from crosstree.core.workload import Expectation, Gang, Source, Told
from tests.support.builders.core import a_gang
from tests.support.virtual_time import declared

WHO_AND_WHEN = {"key", "uid", "priority", "created", "queue", "expected", "promise", "told"}
HOUR = replace(a_gang(), expected=declared(3600))


def test_every_field_of_a_gang_is_part_of_its_shape_or_known_not_to_matter() -> None:
    matters = {field.name for field in fields(Gang)} - WHO_AND_WHEN
    # And whether its priority is negative; and how a bound cuts it.
    assert len(shaping(a_gang())) == len(matters) + 2
    assert shape_of(a_gang(name="a", queue="x", priority=1)) is shape_of(a_gang(name="b", queue="y"))


@pytest.mark.parametrize(
    "change",
    [{"workers": 3}, {"queue": "x"}, {"priority": 1}, {"expected": declared(60)}, {"banned": ("n",)}],
)
def test_gangs_ask_alike_if_nothing_but_who_they_are_and_when_they_came_tells_them_apart(
    change: dict[str, object],
) -> None:
    one = a_gang(name="a", created=1.0)
    other = replace(one, key="n/b", uid="b", created=2.0, told=Told(1.0, 2.0))
    assert asking(one) is asking(other)
    assert asking(one) is not asking(replace(other, **change))  # type: ignore[arg-type]


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    gang = a_gang(name="passing", queue="nobody-else-uses-this")
    kept = ref(asking(gang))
    assert kept() is not None
    del gang
    gc.collect()
    assert kept() is None


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
    assert shape_of(early) is not shape_of(late)
    assert shape_of(replace(early, sizes=())) is shape_of(replace(late, sizes=()))
