"""Limits, guarantees and what is owed, in a tree of queues."""

from __future__ import annotations

import pytest

from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.quota import UNLIMITED, Excess, Usage
from tests.support.builders.core import H100
from tests.support.builders.queues import a_queue, borrowed, covered, holding, owed, the_books

ASCEND = "huawei-ascend-910b"


# limits -------------------------------------------------------------------------------------------------------


def test_a_limit_holds_to_the_last_accelerator():
    books = the_books(a_queue("a", limit=64), held=[holding("a", 56)])
    assert books.excess("a", H100, 8) is None
    assert books.excess("a", H100, 9) == Excess("a", H100, 64, 56, 9)
    assert books.room("a", H100) == 8


def test_a_queue_without_quotas_and_one_nobody_knows_have_no_limit():
    books = the_books(a_queue("a"))
    assert (books.excess("a", H100, 10_000), books.excess("nobody", H100, 10_000)) == (None, None)
    assert books.room("nobody", H100) == UNLIMITED


def test_a_limit_counts_all_that_is_held_below_it():
    books = the_books(
        a_queue("all", limit=100),
        a_queue("a", "all"),
        a_queue("b", "all"),
        held=[holding("b", 60), holding("all", 8)],
    )
    assert books.excess("a", H100, 33) == Excess("all", H100, 100, 68, 33)
    assert books.excess("a", H100, 32) is None


def test_the_nearest_broken_limit_is_told():
    books = the_books(a_queue("all", limit=8), a_queue("a", "all", limit=4))
    assert books.excess("a", H100, 16) == Excess("a", H100, 4, 0, 16)


def test_a_limit_of_one_model_says_nothing_of_another():
    books = the_books(a_queue("a", limit=0))
    assert books.excess("a", ASCEND, 64) is None
    assert books.excess("a", H100, 1) is not None


def test_a_limit_over_all_models_counts_exchange_rates():
    books = the_books(
        a_queue("a", also=[Quota(ANY_MODEL, 0, 100)], rates={ASCEND: 0.6}),
        held=[holding("a", 64), holding("a", 50, ASCEND)],
    )
    assert books.excess("a", ASCEND, 10) is None
    assert books.excess("a", ASCEND, 11) == Excess("a", ANY_MODEL, 100, 94, pytest.approx(6.6))
    assert (books.room("a", ASCEND), books.room("a", H100)) == (10, 6)


def test_exchange_rates_are_inherited():
    books = the_books(
        a_queue("all", rates={ASCEND: 0.5}), a_queue("a", "all", also=[Quota(ANY_MODEL, 0, 10)])
    )
    assert books.room("a", ASCEND) == 20


def test_work_without_accelerators_breaks_no_limit():
    assert the_books(a_queue("a", limit=0)).excess("a", H100, 0) is None


def test_a_limit_lowered_below_what_is_held_lets_nothing_more_in():
    books = the_books(a_queue("a", limit=8), held=[holding("a", 64)])
    assert (books.room("a", H100), books.excess("a", H100, 1)) == (0, Excess("a", H100, 8, 64, 1))


# guarantees ---------------------------------------------------------------------------------------------------


def test_a_queue_is_within_its_guarantee_up_to_the_last_accelerator():
    books = the_books(a_queue("a", guaranteed=64), held=[holding("a", 32)])
    assert covered(books, "a", 32)
    assert not covered(books, "a", 33)
    assert not covered(books, "a", 1, ASCEND)


def test_what_lies_above_the_guarantee_is_borrowed():
    books = the_books(a_queue("a", guaranteed=64), held=[holding("a", 80), holding("a", 8, ASCEND)])
    assert (borrowed(books, "a"), borrowed(books, "a", ASCEND)) == (16, 8)


def test_a_guarantee_over_all_models_covers_any_of_them_once():
    books = the_books(
        a_queue("a", guaranteed=32, also=[Quota(ANY_MODEL, 64)]),
        held=[holding("a", 40), holding("a", 20, ASCEND)],
    )
    # 32 of the 64 are for H100; 8 more of them and 20 others take 28 of the 32 that float.
    assert covered(books, "a", 4, ASCEND)
    assert not covered(books, "a", 5, ASCEND)
    assert (borrowed(books, "a"), borrowed(books, "a", ASCEND)) == (0, 0)


def test_an_inner_queue_is_guaranteed_at_least_what_is_guaranteed_below_it():
    books = the_books(a_queue("all"), a_queue("a", "all", guaranteed=32), a_queue("b", "all", guaranteed=16))
    assert books.usage("all") == (Usage(H100, 0, 48, 0),)


def test_a_guarantee_over_all_below_a_named_one_counts_once_above():
    books = the_books(
        a_queue("all"),
        a_queue("a", "all", guaranteed=32, also=[Quota(ANY_MODEL, 64)]),
        a_queue("b", "all", guaranteed=8),
    )
    assert books.usage("all") == (Usage(ANY_MODEL, 0, 72), Usage(H100, 0, 40))


# what is owed -------------------------------------------------------------------------------------------------


def test_what_is_guaranteed_to_the_queue_above_alone_is_owed_to_those_below_it():
    team = QueueSpec("team", quotas=(Quota(H100, guaranteed=16),))
    books = the_books(team, QueueSpec("mine", "team"), QueueSpec("other"), held=[holding("other", 24)])
    assert books.owing("mine", H100, 16) == {"other"}
    assert books.owing("mine", H100, 17) == frozenset()


def test_a_borrower_owes_what_it_has_above_its_guarantee():
    books = the_books(a_queue("a", guaranteed=64), a_queue("b", guaranteed=32), held=[holding("b", 80)])
    assert owed(books, "a", "b", 64) == 48


def test_nobody_reclaims_beyond_its_own_guarantee():
    books = the_books(a_queue("a", guaranteed=64), a_queue("b"), held=[holding("b", 80), holding("a", 8)])
    assert (owed(books, "a", "b", 56), owed(books, "a", "b", 57)) == (80, 0)


def test_queues_that_nobody_knows_owe_all_they_hold_and_are_owed_nothing():
    books = the_books(a_queue("a", guaranteed=64), held=[holding("nobody", 80)])
    assert owed(books, "a", "nobody", 64) == 80
    assert owed(books, "nobody", "a", 1) == 0


def test_jobs_of_one_queue_owe_each_other_nothing():
    books = the_books(a_queue("a", guaranteed=64), held=[holding("a", 80)])
    assert owed(books, "a", "a", 8) == 0


def test_a_sibling_that_lends_is_paid_back_by_the_one_that_borrowed_and_not_by_strangers():
    tree = (
        a_queue("research", guaranteed=64),
        a_queue("a", "research", guaranteed=32),
        a_queue("b", "research", guaranteed=32),
        a_queue("prod", guaranteed=64),
    )
    books = the_books(*tree, held=[holding("b", 64), holding("prod", 64)])
    assert owed(books, "a", "b", 32) == 32
    assert owed(books, "a", "prod", 32) == 0
    assert owed(books, "prod", "b", 8) == 0


def test_a_stranger_gets_back_no_more_than_the_whole_family_borrowed():
    tree = (
        a_queue("research"),
        a_queue("a", "research", guaranteed=32),
        a_queue("b", "research"),
        a_queue("prod", guaranteed=64),
    )
    # b holds 72, of which 32 are a's, who does not use them: 40 are owed outside.
    books = the_books(*tree, held=[holding("b", 72)])
    assert (borrowed(books, "b"), owed(books, "prod", "b", 64)) == (40, 40)
    assert owed(books, "a", "b", 32) == 72


def test_jobs_in_an_inner_queue_give_back_to_those_below_it():
    books = the_books(
        a_queue("all", guaranteed=64), a_queue("a", "all", guaranteed=32), held=[holding("all", 64)]
    )
    assert owed(books, "a", "all", 32) == 64
    assert owed(books, "all", "a", 8) == 0


# broken trees -------------------------------------------------------------------------------------------------


def test_a_queue_below_a_wrong_parent_keeps_its_limit_and_has_no_guarantee():
    books = the_books(
        a_queue("a", "gone", guaranteed=64, limit=64),
        a_queue("b", "a", guaranteed=8),
        held=[holding("b", 60)],
    )
    assert books.excess("b", H100, 8) == Excess("a", H100, 64, 60, 8)
    assert not covered(books, "a", 1)
    assert borrowed(books, "b") == 60


def test_a_cycle_takes_guarantees_from_its_members_alone():
    tree = (
        a_queue("x", "y", guaranteed=64, limit=8), a_queue("y", "x", guaranteed=64), a_queue("ok", guaranteed=32)
    )  # fmt: skip
    books = the_books(*tree, held=[holding("y", 40)])
    assert covered(books, "ok", 32)
    assert not covered(books, "y", 1)
    assert books.room("x", H100) == 8


# books --------------------------------------------------------------------------------------------------------


def test_usage_is_told_per_model_and_over_all():
    books = the_books(
        a_queue("all", guaranteed=64, limit=256, also=[Quota(ANY_MODEL, 100, 300)], rates={ASCEND: 0.6}),
        a_queue("a", "all"),
        held=[holding("a", 80), holding("all", 64, ASCEND)],
    )
    assert books.usage("all") == (
        Usage(ANY_MODEL, 119, 100, 19, 300),
        Usage(ASCEND, 64, 0, 31, None),
        Usage(H100, 80, 64, 16, 256),
    )
    assert books.usage("a") == (Usage(H100, 80, 0, 80, None),)


def test_holders_are_counted_with_those_below():
    books = the_books(
        a_queue("all"),
        a_queue("a", "all"),
        held=[holding("a", 8), holding("all", 16), holding("a", 2, ASCEND)],
    )
    assert (books.holders("all", H100), books.holders("a", H100), books.holders("all", ANY_MODEL)) == (
        2,
        1,
        3,
    )


def test_a_rollback_leaves_the_books_as_they_were():
    books = the_books(a_queue("all", guaranteed=8), a_queue("a", "all", limit=64), held=[holding("a", 16)])
    before = (books.usage("all"), books.share("all"), books.holders("a", H100), books.given)
    mark = books.checkpoint()
    books.take("a", H100, 32)
    books.take("a", H100, -16)
    books.take("all", ASCEND, 4)
    assert books.given == 1
    books.rollback(mark)
    assert (books.usage("all"), books.share("all"), books.holders("a", H100), books.given) == before
