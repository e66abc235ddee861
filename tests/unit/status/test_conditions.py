"""How conditions are stored."""

from __future__ import annotations

from crosstree.base.clock import to_rfc3339
from crosstree.status.conditions import MAX_MESSAGE, Condition, Reason, Type, bounded, find, is_true, merge

READY = Condition.true(Type.READY, Reason.READY, "2 nodes.")


def test_a_new_condition_gets_generation_and_time() -> None:
    assert merge([], [READY], generation=3, now=60.0) == [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "1970-01-01T00:01:00Z",
            "reason": "Ready",
            "message": "2 nodes.",
        }
    ]


def test_the_same_condition_later_is_the_same_bytes() -> None:
    stored = merge([], [READY], generation=1, now=60.0)
    assert merge(stored, [READY], generation=1, now=999.0) == stored


def test_a_new_message_leaves_the_transition_time() -> None:
    stored = merge([], [READY], generation=1, now=60.0)
    later = merge(stored, [Condition.true(Type.READY, Reason.READY, "3 nodes.")], generation=2, now=999.0)
    assert (later[0]["lastTransitionTime"], later[0]["observedGeneration"]) == (to_rfc3339(60), 2)


def test_a_new_status_moves_the_transition_time() -> None:
    stored = merge([], [READY], generation=1, now=60.0)
    later = merge(stored, [Condition.false(Type.READY, Reason.NO_NODES)], generation=1, now=999.0)
    assert later[0]["lastTransitionTime"] == to_rfc3339(999)


def test_a_condition_nobody_makes_any_more_is_dropped() -> None:
    stored = merge([], [READY, Condition.unknown(Type.HEALTHY, Reason.NO_NODES)], generation=1, now=0.0)
    assert [c["type"] for c in merge(stored, [READY], generation=1, now=1.0)] == ["Ready"]


def test_a_message_is_bounded() -> None:
    assert len(bounded("x" * 5000)) == MAX_MESSAGE


def test_what_is_not_stored_does_not_hold() -> None:
    assert not is_true([], Type.READY)
    assert find([], Type.READY) is None
