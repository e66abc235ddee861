"""Figures of replays as the tables of a page."""

from __future__ import annotations

from bench.tables import pages
from crosstree.cli.measure import Record

CASE = {"trace": "helios", "load": 0.9, "hints": "exact", "jobs": None, "window": 15.0}


def test_every_policy_of_a_case_is_a_row_in_the_order_of_the_page() -> None:
    figures = [
        Record("S8", "wait_mean", 12.0, "s", {**CASE, "policy": name}) for name in ("fifo", "production")
    ]
    text = pages(figures)
    assert "### Helios at load 0.9, hints exact" in text
    assert text.index("| `production` | 12 s |") < text.index("| `fifo` | 12 s |")


def test_a_bar_shows_its_worst_figure_and_whether_it_is_missed() -> None:
    figures = [Record("S6", "largest_wait_over_best_fit", value, "ratio", CASE) for value in (0.4, 0.8)]
    (row,) = (line for line in pages(figures).splitlines() if "largest gangs' mean wait" in line)
    assert row == "| S6 | the largest gangs' mean wait, against best fit | 0.8 ratio | ≤ 0.5 | MISS |"


def test_what_could_not_be_spared_is_told_beside_what_would_have_to_be_otherwise() -> None:
    figures = [
        Record("S6", "largest_wait_floor_over_best_fit", 0.541, "ratio", {**CASE, "counting": "nodes"}),
        Record("S6", "largest_wait_over_best_fit_if", 0.702, "ratio", {**CASE, "otherwise": "largest first"}),
    ]
    text = pages(figures)
    assert "| Helios at load 0.9 | the least possible, counting nodes | 0.54 |" in text
    assert "| Helios at load 0.9 | `production`, if otherwise: largest first | 0.70 |" in text
    assert "spared" not in pages(figures[:0])
