"""A watch of pods that stands still: what the operator can't see it asks for, and gives nobody's place away."""

from __future__ import annotations

from pathlib import Path

from tests.support.faulty_proxy import FaultyProxy, Rule
from tests.support.objects import a_cluster, a_job
from tests.support.operated import SOON, h100, installed
from tests.support.replicas import leader, replica
from tests.support.waiting import always, eventually
from tests.support.watch_faults import WatchFault

LAG = 10.0
"""Seconds for which the new leader is watched while it sees nothing: it decides within one."""


def test_a_new_leader_that_sees_no_pods_gives_no_place_away_that_has_some(tmp_path: Path) -> None:
    with installed(h100(2)) as world, FaultyProxy(world.local, tmp_path, seed=1) as proxy:
        world.kubectl.apply(a_cluster())
        with (
            replica(world.local.kubeconfig, tmp_path, "first") as first,
            replica(proxy.kubeconfig, tmp_path, "second"),
        ):
            leader(world.kubectl, "first")
            with proxy.rules(Rule(watch=WatchFault.STALL, path="/api/v1/pods")):
                world.apply(a_job("old", workers=2))
                world.runs("old")
                first.kill()
                # To who sees no pods it looks as if there were none to wait for.
                world.patch("old", suspend=True)
                world.apply(a_job("next", workers=2))
                leader(world.kubectl, "second")
                always(
                    lambda: (world.status("next").get("placement"), len(world.pods("old"))),
                    during=LAG,
                    holds=lambda seen: seen == (None, 2),
                    every=0.5,
                )
            world.runs("next")
        eventually(lambda: world.pods("old"), until=lambda left: not left, within=SOON)
        assert world.status("next")["attempt"] == 1
        assert world.record.violations("next", world.namespace) == []
        assert world.overbooked() == []
