"""The collector of cyclic garbage waits while something is decided, and no longer."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from crosstree.base import garbage


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds, on = gc.get_threshold(), gc.isenabled()
    yield
    gc.set_threshold(*thresholds)
    gc.enable() if on else gc.disable()


def collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def test_nothing_is_collected_while_it_is_held_back() -> None:
    gc.set_threshold(10, 2, 2)
    gc.enable()
    before = collections()
    with garbage.held_back():
        kept = [[one] for one in range(1000)]
        during = collections()
    kept += [[one] for one in range(1000)]
    assert during == before < collections()
    assert len(kept) == 2000


def test_the_collector_goes_on_after_an_error() -> None:
    gc.enable()
    with pytest.raises(ZeroDivisionError), garbage.held_back():
        1 / 0  # noqa: B018
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    with garbage.held_back():
        pass
    assert not gc.isenabled()
