"""What a verb makes of a cluster without Crosstree, and of an object that is not there."""

from __future__ import annotations

import pytest

from crosstree.base.errors import NotFound, Refused
from crosstree.cli.access import OURS, found, listed
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
