"""What the bench of waiting jobs submits."""

from __future__ import annotations

import json

from bench.queues import crowd, queue, queue_names


def test_fifty_queues_are_ten_with_forty_below_them() -> None:
    names = queue_names(50, parents=True)
    assert len(names) == len(set(names)) == 50
    parents = {queue(name)["spec"].get("parent") for name in names} - {None}
    assert len(parents) == 10
    assert parents <= set(names)


def test_jobs_wait_only_in_queues_that_have_none_below_them() -> None:
    names = queue_names(50)
    assert len(names) == 40
    assert all("parent" in queue(name)["spec"] for name in names)


def test_the_crowd_has_every_size_in_every_queue() -> None:
    names = queue_names(50)
    bodies = [json.loads(post.body) for post in crowd(240, names, "here", "east")]
    assert {body["spec"]["queue"] for body in bodies} == set(names)
    assert {body["spec"]["workers"] for body in bodies} == {1, 2, 4, 8, 16, 32}
    assert {body["spec"].get("expectedDuration") for body in bodies} == {None, "2h"}
