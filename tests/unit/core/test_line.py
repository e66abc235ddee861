"""Whose turn it is."""

from __future__ import annotations

import pytest

from crosstree.core.line import line
from crosstree.core.queues import ANY_MODEL, Quota
from crosstree.core.quota import Accounts
from tests.support.builders.core import H100, a_gang
from tests.support.builders.queues import a_queue, holding, the_books

ASCEND = "huawei-ascend-910b"


def waiting(*names: str, devices: int = 8, **changes):
    """One gang per name, `queue.job`, the first the oldest."""
    return [
        a_gang(1, devices, name=name, queue=name.partition(".")[0], created=float(at), **changes)
        for at, name in enumerate(names)
    ]


def turns(gangs, books: Accounts, *, take: str = H100) -> list[str]:
    """Let each gang have what it asks for, and tell in which order."""
    found = []
    for _, gang in line(gangs, books):
        found.append(gang.key.removeprefix("default/"))
        if take:
            books.take(gang.queue, take, gang.workers * gang.devices)
    return found


def test_without_any_queue_it_is_one_line_by_age():
    assert turns(waiting("b.1", "a.1", "b.2", "a.2"), the_books()) == ["b.1", "a.1", "b.2", "a.2"]


def test_equal_queues_take_turns_and_the_older_one_begins():
    gangs = waiting("b.1", "b.2", "b.3", "a.1", "a.2")
    assert turns(gangs, the_books(a_queue("a"), a_queue("b"))) == ["b.1", "a.1", "b.2", "a.2", "b.3"]


def test_weights_are_shares():
    gangs = waiting(*[f"{queue}.{n}" for n in range(8) for queue in "ab"])
    found = turns(gangs, the_books(a_queue("a", weight=1), a_queue("b", weight=3)))
    assert [sum(name.startswith(queue) for name in found[:8]) for queue in "ab"] == [2, 6]


def test_a_queue_under_its_guarantee_goes_before_one_that_is_not():
    books = the_books(a_queue("a"), a_queue("b", guaranteed=16))
    assert turns(waiting("a.1", "a.2", "b.1", "b.2", "b.3"), books) == ["b.1", "b.2", "a.1", "b.3", "a.2"]


def test_a_guarantee_for_one_model_is_no_help_with_another():
    books = the_books(a_queue("a"), a_queue("b", guaranteed=16), **{ASCEND: 100})
    gangs = waiting("a.1", "b.1", models=[ASCEND])
    assert turns(gangs, books, take=ASCEND) == ["a.1", "b.1"]


def test_what_is_guaranteed_does_not_count_against_a_queue():
    books = the_books(a_queue("a", guaranteed=64), a_queue("b"), held=[holding("a", 64), holding("b", 8)])
    assert turns(waiting("b.1", "a.1"), books)[0] == "a.1"


def test_queues_are_compared_where_the_tree_parts_them():
    tree = (a_queue("x"), a_queue("a", "x"), a_queue("b", "x"), a_queue("y"), a_queue("c", "y"))
    # a holds nothing, but x holds most: y's turn, whatever c has by itself.
    books = the_books(*tree, held=[holding("b", 40), holding("c", 16)])
    assert turns(waiting("a.1", "b.1", "c.1", "c.2"), books) == ["c.1", "c.2", "a.1", "b.1"]


def test_jobs_of_an_inner_queue_stand_beside_the_queues_below_it():
    books = the_books(a_queue("x"), a_queue("a", "x"), held=[holding("x", 8)])
    assert turns(waiting("x.1", "x.2", "a.1", "a.2"), books) == ["a.1", "x.1", "a.2", "x.2"]


def test_shares_of_models_are_compared_by_the_larger_part_of_the_cluster():
    books = the_books(
        a_queue("a"), a_queue("b"), held=[holding("a", 10, ASCEND), holding("b", 100)], **{ASCEND: 20}
    )
    assert turns(waiting("a.1", "b.1"), books)[0] == "b.1"


def test_inside_a_queue_priority_goes_before_age():
    gangs = [
        a_gang(1, 8, name="old", queue="a", created=0.0),
        a_gang(1, 8, name="urgent", queue="a", created=9.0, priority=5),
    ]
    assert turns(gangs, the_books(a_queue("a"))) == ["urgent", "old"]


def test_priority_does_not_count_between_queues():
    gangs = [
        a_gang(1, 8, name="urgent", queue="a", priority=1000),
        a_gang(1, 8, name="humble", queue="b"),
    ]
    assert turns(gangs, the_books(a_queue("a"), a_queue("b"), held=[holding("a", 8)])) == ["humble", "urgent"]


def test_positions_are_those_in_the_own_queue():
    gangs = waiting("a.1", "b.1", "a.2")
    assert [(at, gang.key) for at, gang in line(gangs, the_books(a_queue("a"), a_queue("b")))] == [
        (1, "default/a.1"),
        (1, "default/b.1"),
        (2, "default/a.2"),
    ]


def test_a_queue_that_got_something_back_meanwhile_moves_up():
    books = the_books(
        a_queue("a"), a_queue("b"), a_queue("c"), held=[holding("a", 8), holding("b", 16), holding("c", 24)]
    )
    found = []
    for _, gang in line(waiting("a.1", "b.1", "c.1"), books):
        found.append(gang.queue)
        if gang.queue == "a":
            books.take("c", H100, -24)
    assert found == ["a", "c", "b"]


@pytest.mark.parametrize("floating", [0, 16])
def test_a_guarantee_over_all_models_helps_with_any(floating: int):
    books = the_books(a_queue("a"), a_queue("b", also=[Quota(ANY_MODEL, floating)]), **{ASCEND: 100})
    gangs = waiting("a.1", "b.1", models=[ASCEND])
    assert turns(gangs, books, take=ASCEND)[0] == ("b.1" if floating else "a.1")
