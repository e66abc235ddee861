"""What is remembered of our own objects, in whatever order answers and events come."""

from __future__ import annotations

from typing import Any

import pytest

from crosstree import translate
from crosstree.adapters.store import ObjectStore


def a_queue(version: int, uid: str = "u1") -> dict[str, Any]:
    metadata = {"name": "team-a", "uid": uid, "resourceVersion": str(version), "generation": version}
    return {"apiVersion": "crosstree.dev/v1alpha1", "kind": "JobQueue", "metadata": metadata, "spec": {}}


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore(translate, lambda *change: None)


def test_the_answer_to_a_write_is_known_before_its_event(store: ObjectStore) -> None:
    store.put("JobQueue", a_queue(1))
    store.update("JobQueue", a_queue(3))
    store.put("JobQueue", a_queue(2))  # the event of an earlier write
    assert store.queues["team-a"].resource_version == "3"


def test_a_late_answer_revives_nothing_that_is_gone(store: ObjectStore) -> None:
    store.put("JobQueue", a_queue(1))
    store.drop("JobQueue", a_queue(3))
    store.update("JobQueue", a_queue(2))
    assert store.queues == {}


def test_a_late_answer_leaves_the_next_object_of_that_name_alone(store: ObjectStore) -> None:
    store.put("JobQueue", a_queue(5, uid="u2"))
    store.update("JobQueue", a_queue(9))
    assert store.queues["team-a"].uid == "u2"


def test_what_is_gone_stays_so_although_a_watch_tells_of_its_life_once_more(store: ObjectStore) -> None:
    store.put("JobQueue", a_queue(1))
    store.drop("JobQueue", a_queue(3))
    store.put("JobQueue", a_queue(2))
    assert store.queues == {}
    store.put("JobQueue", a_queue(4, uid="u2"))  # the next one of that name
    store.put("JobQueue", a_queue(2))
    assert store.queues["team-a"].uid == "u2"
