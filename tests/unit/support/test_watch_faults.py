"""What a faulty watch may do to its lines, and what it never does: tell lies about the end."""

from __future__ import annotations

import json
import random

import pytest

from tests.support.watch_faults import Ended, Twisted, WatchFault


def a_line(name: str, version: int) -> bytes:
    meta = {"name": name, "namespace": "ns", "resourceVersion": str(version)}
    return json.dumps({"type": "MODIFIED", "object": {"metadata": meta}}).encode()


LINES = [a_line(name, version) for version, name in enumerate("abacbbca" * 4)]


def last_versions(lines: list[bytes]) -> dict[str, str]:
    metas = [json.loads(line)["object"]["metadata"] for line in lines]
    return {meta["name"]: meta["resourceVersion"] for meta in metas}


@pytest.mark.parametrize(
    "fault",
    [
        None,
        WatchFault.DUPLICATE,
        WatchFault.REPLAY,
        WatchFault.SWAP,
        WatchFault.HUGE,
        WatchFault.NO_BOOKMARKS,
    ],
)
def test_every_object_is_told_last_as_it_is(fault):
    twisted = Twisted(random.Random(1))
    arrived = [one for line in LINES for one in twisted.line(line, fault)] + twisted.quiet(None)
    assert last_versions(arrived) == last_versions(LINES)


def test_lost_events_end_in_an_expired_watch():
    twisted = Twisted(random.Random(1))
    assert twisted.line(LINES[0], WatchFault.LOSE) == []
    with pytest.raises(Ended) as ended:
        twisted.line(LINES[1], None)
    assert json.loads(ended.value.last)["object"]["code"] == 410


def test_swapped_events_of_one_object_keep_their_order():
    twisted = Twisted(random.Random(1))
    arrived = [one for line in LINES for one in twisted.line(line, WatchFault.SWAP)] + twisted.quiet(None)
    assert sorted(arrived) == sorted(LINES) and arrived != LINES
    for name in "abc":
        versions = [
            int(meta["resourceVersion"])
            for line in arrived
            if (meta := json.loads(line)["object"]["metadata"])["name"] == name
        ]
        assert versions == sorted(versions)
