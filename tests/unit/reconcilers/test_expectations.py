"""How long a pod that was made may stay unseen."""

from __future__ import annotations

from crosstree.reconcilers.trainingjob.expectations import SEEN_WITHIN, SERVED_WITHIN, Expectations


def test_the_time_to_see_a_gang_runs_from_the_look_after_its_creation_however_long_that_took():
    expectations = Expectations()
    expectations.come("ml/a", ["a-worker-0"])
    assert expectations.pending("ml/a", (), now=1000.0)
    assert expectations.pending("ml/a", (), now=1000.0 + SEEN_WITHIN - 0.1)
    assert not expectations.pending("ml/a", (), now=1000.0 + SEEN_WITHIN)


def test_a_pod_that_was_not_made_is_not_waited_for():
    expectations = Expectations()
    expectations.come("ml/a", ["a-worker-0"])
    expectations.forgo("ml/a", "a-worker-0")
    assert not expectations.pending("ml/a", (), now=1000.0)


def test_a_service_is_made_once_while_pods_of_a_busy_cluster_are_made_first() -> None:
    expectations = Expectations()
    assert expectations.serve("uid", now=1000.0)
    assert not expectations.serve("uid", now=1000.0 + 2 * SEEN_WITHIN)
    assert expectations.serve("uid", now=1000.0 + SERVED_WITHIN)


def test_a_service_that_could_not_be_made_is_made_at_the_next_look() -> None:
    expectations = Expectations()
    expectations.serve("uid", now=1000.0)
    expectations.unserve("uid")
    assert expectations.serve("uid", now=1000.1)
