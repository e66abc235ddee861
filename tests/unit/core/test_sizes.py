"""Elastic gangs: which size they start at, and what a shortage of room, quota or nodes makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Place, Rung, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.sizes import larger, smaller, up_to
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.workload import NARROWEST, Footprint, Gang
from tests.support.builders.core import H100, a_gang, a_snapshot

NOW = 1_000_000.0


def elastic(*sizes: int, **changes) -> Gang:
    return a_gang(max(sizes), sizes=tuple(sorted(sizes, reverse=True)), **changes)


def decide(snapshot: Snapshot) -> Place | Wait:
    (decision,) = run_cycle(snapshot, Policy(), NOW).decisions
    assert isinstance(decision, Place | Wait)
    return decision


def placed(snapshot: Snapshot) -> Place:
    decision = decide(snapshot)
    assert isinstance(decision, Place), decision
    return decision


def test_the_steps_from_a_size_are_legal_ones_the_largest_first() -> None:
    gang = elastic(16, 12, 8, 4)
    assert smaller(gang, 12) == (8, 4)
    assert larger(gang, 8) == (16, 12)
    assert up_to(gang, 11) == (8, 4)
    assert smaller(a_gang(8), 8) == larger(a_gang(8), 4) == ()


@pytest.mark.parametrize(("idle", "size"), [(8, 8), (7, 6), (5, 4), (3, 2)])
def test_an_elastic_gang_starts_with_the_largest_size_that_fits(idle: int, size: int) -> None:
    used = {f"n{node:03d}": 8 for node in range(8 - idle)}
    assert placed(a_snapshot(used=used, gangs=[elastic(8, 6, 4, 2)])).workers == size


def test_it_waits_where_not_even_its_smallest_size_fits_and_says_how_much_that_is() -> None:
    used = {f"n{node:03d}": 8 for node in range(7)}
    decision = decide(a_snapshot(used=used, gangs=[elastic(8, 4, 2)]))
    assert isinstance(decision, Wait)
    assert decision.reason is WaitReason.NOT_ENOUGH_FREE
    assert decision.message.startswith(
        f"At least 2 workers of 8 {H100} need pool pool-h100; it has room for 1 now."
    )


def test_a_required_level_bounds_the_size() -> None:
    used = {"n000": 8, "n004": 8, "n005": 8}
    place = placed(a_snapshot(used=used, gangs=[elastic(8, 6, 4, 3, 2, required="leaf")]))
    assert place.workers == 3
    assert {share.name for share in place.nodes} == {"n001", "n002", "n003"}


def test_groups_bound_the_size() -> None:
    # 3 and 2 nodes free in two leaves: two whole pairs, not five workers.
    used = {"n000": 8, "n004": 8, "n005": 8}
    assert placed(a_snapshot(used=used, gangs=[elastic(8, 6, 4, 2, groups=(2, "leaf"))])).workers == 4


def test_a_quota_bounds_the_size() -> None:
    queue = QueueSpec("default", quotas=(Quota(H100, limit=40),))
    snapshot = replace(a_snapshot(gangs=[elastic(8, 6, 4, 2)]), queues=(queue,))
    assert placed(snapshot).workers == 4


def test_what_goes_before_bounds_what_is_left() -> None:
    first, second = elastic(6, 4, name="a", created=1.0), elastic(6, 4, 2, name="b", created=2.0)
    plan = run_cycle(a_snapshot(gangs=[second, first]), Policy(), NOW)
    sizes = {one.key: one.workers for one in plan.decisions if isinstance(one, Place)}
    assert sizes == {"default/a": 6, "default/b": 2}


def test_spares_are_not_taken_to_be_larger() -> None:
    snapshot = replace(a_snapshot(gangs=[elastic(8, 6, 4)]), spares=SpareRule(1, "leaf"))
    assert placed(snapshot).workers == 6


def test_a_gang_that_lost_a_node_for_which_there_is_none_goes_on_without_it() -> None:
    before = Footprint("pool-h100", tuple((f"n{node:03d}", 1) for node in range(8)))
    gang = elastic(8, 6, 4, recovering=True, before=before)
    place = placed(a_snapshot(gangs=[gang], states={"n003": NodeState.NOT_READY}))
    assert (place.workers, place.rung) == (6, Rung.REPLACED)
    assert {share.name for share in place.nodes} < {name for name, _ in before.counts}


def test_a_gang_that_shrinks_leaves_the_domain_it_has_least_of() -> None:
    before = Footprint("pool-h100", tuple((f"n{node:03d}", 1) for node in (0, 1, 2, 4, 5)))
    queue = QueueSpec("default", quotas=(Quota(H100, limit=24),))
    gang = elastic(5, 3, before=before)
    place = placed(replace(a_snapshot(gangs=[gang]), queues=(queue,)))
    assert [share.name for share in place.nodes] == ["n000", "n001", "n002"]


def test_a_gang_that_grows_keeps_its_nodes() -> None:
    before = Footprint("pool-h100", (("n001", 1), ("n002", 1)))
    place = placed(a_snapshot(gangs=[elastic(4, 2, before=before)], used={"n000": 0}))
    assert place.workers == 4
    assert {"n001", "n002"} < {share.name for share in place.nodes}
    assert place.rung is Rung.REPLACED


def test_a_tensor_group_stays_in_the_narrowest_domain_above_the_node() -> None:
    # Three free in one leaf and three in the other: pairs fit once in each.
    used = {"n000": 8, "n004": 8}
    place = placed(a_snapshot(used=used, gangs=[a_gang(4, groups=(2, NARROWEST))]))
    leaf = {f"n{node:03d}": node // 4 for node in range(8)}
    order = [leaf[share.name] for share in place.nodes for _ in range(share.count)]
    assert order[0] == order[1] and order[2] == order[3]
    decision = decide(a_snapshot(used=used, gangs=[a_gang(6, groups=(2, NARROWEST))]))
    assert isinstance(decision, Wait) and decision.reason is WaitReason.FRAGMENTED
