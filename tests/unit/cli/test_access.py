"""What a verb makes of a cluster without Crosstree, and of an object that is not there."""

from __future__ import annotations

import pytest

from crosstree.base.clock import SystemClock, to_micro_time
from crosstree.base.errors import NotFound, Refused
from crosstree.cli.access import OURS, found, listed, silent_since
from tests.unit.adapters.apiserver import refuses, says, serving

JOB = f"{OURS}/namespaces/default/trainingjobs/x"


async def test_a_cluster_without_our_kinds_says_the_same_of_one_object_and_of_a_list() -> None:
    for read in (
        lambda api: found(api, JOB, "no TrainingJob 'x'."),
        lambda api: listed(api, f"{OURS}/aiclusters"),
    ):
        async with serving(refuses(404)) as (api, _):
            with pytest.raises(
                Refused, match=r"does not know .*docs/how-to/install\.md.*`crosstree crds --apply`"
            ):
                await read(api)


async def test_an_object_that_is_not_there_is_told_in_the_words_of_the_verb() -> None:
    async with serving(refuses(404, "NotFound"), says({"kind": "APIResourceList"})) as (api, server):
        with pytest.raises(NotFound, match=r"^no TrainingJob 'x'\.$"):
            await found(api, JOB, "no TrainingJob 'x'.")
    assert [path for _, path, _, _ in server.asked] == [JOB, OURS]


@pytest.mark.parametrize(("ages", "silent"), [((), False), ((25,), False), ((300,), True), ((300, 5), False)])
async def test_an_operator_is_silent_when_its_lease_ran_out_thrice(
    ages: tuple[int, ...], silent: bool
) -> None:
    times = [to_micro_time(SystemClock().now() - age) for age in ages]
    items = [{"spec": {"renewTime": at, "leaseDurationSeconds": 10}} for at in times]
    async with serving(says({"metadata": {}, "items": items})) as (api, _):
        assert (await silent_since(api) is not None) == silent


async def test_who_may_not_list_leases_is_not_warned() -> None:
    async with serving(refuses(403, "Forbidden")) as (api, _):
        assert await silent_since(api) is None
