"""What is said of a place that is being cleared: jobs of the own namespace by name, of others no name at all."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.clearing_words import stopped_for, victims_names, waits
from crosstree.core.plan import NodeShare, Promise
from crosstree.core.workload import Gang
from tests.support.builders.core import a_gang
from tests.support.builders.queues import holding

OWN = holding("research", 8)


def of_another_namespace(gang: Gang) -> Gang:
    return replace(gang, key=f"secret/{gang.key.partition('/')[2]}")


STRANGER = replace(OWN, gang=of_another_namespace(replace(OWN.gang, uid="uid-stranger")))


def test_who_is_stopped_for_a_job_of_another_namespace_learns_its_queue_and_priority_alone() -> None:
    urgent = of_another_namespace(a_gang(1, name="narwhal", queue="prod", priority=100))
    told = stopped_for(urgent, OWN, reclaimed=False, size=None)
    assert told.startswith(
        "It makes room for a job of another namespace (queue prod, priority 100): its own priority"
    )
    assert not {"narwhal", "secret"} & set(told.replace("/", " ").split())


def test_who_is_stopped_for_a_job_of_its_namespace_learns_its_name() -> None:
    urgent = a_gang(1, name="narwhal", queue="prod", priority=100)
    assert "room for narwhal (queue prod" in stopped_for(urgent, OWN, reclaimed=True, size=None)


def test_who_waits_is_told_the_names_of_victims_of_its_namespace_and_how_many_others_there_are() -> None:
    gang = a_gang(1, name="train")
    names = victims_names(gang, [OWN, STRANGER])
    assert names == (OWN.gang.key.partition("/")[2], "")
    promise = Promise("pool", (NodeShare("n0", 0, 1),), (OWN.gang.uid, "uid-stranger"), 100.0, jobs=names)
    assert f"{names[0]} and 1 other job are being stopped for it" in waits(gang, promise, ())
