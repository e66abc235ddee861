"""The packer held against an exact solver on small, irregular fabrics."""

from __future__ import annotations

from bench.gap import alone, together
from bench.optimum import Gang

SEEDS = range(60)


def test_the_level_that_matters_most_gets_the_fewest_domains_there_can_be() -> None:
    for case, gang, got, best in alone(SEEDS):
        first = gang.order(len(case.fabric.levels))[0]
        assert got[first] == best[first], (gang, case.fill, got, best)


def test_domains_of_all_levels_are_within_two_in_a_hundred_of_the_optimum() -> None:
    pairs = [(sum(got), sum(best)) for _, _, got, best in alone(SEEDS)]
    assert sum(got for got, _ in pairs) <= 1.02 * sum(best for _, best in pairs)
    assert all(got >= best for got, best in pairs)


def test_gangs_placed_one_after_the_other_come_near_the_best_for_all_at_once() -> None:
    pairs = list(together(range(8)))
    assert all(got >= best for got, best in pairs)
    assert sum(got for got, _ in pairs) <= 1.10 * sum(best for _, best in pairs)


def test_a_gang_without_a_preference_counts_the_widest_level_first() -> None:
    assert Gang(4).order(3) == (0, 1, 2)
    assert Gang(4, preferred=1).order(3) == (1, 0, 2)
