"""What `crosstree status --nodes` knows of a node beside its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosstree.cli.live import node_rows
from crosstree.core.ledger import NodeFailures
from crosstree.core.snapshot import SpareRule
from tests.support.builders.core import a_pool, a_snapshot


def test_a_node_shows_what_it_reports():
    snapshot = replace(
        a_snapshot(a_pool(leaves=1, nodes=2)), signal=np.array([0, 1], np.int32), signals=("", "GpuMemWatch")
    )
    assert [row["signal"] for row in node_rows(snapshot)] == ["", "GpuMemWatch"]


def test_a_node_shows_its_failures_and_whether_it_is_used_last_or_kept_back():
    snapshot = replace(
        a_snapshot(a_pool(leaves=1, nodes=3)),
        suspect=np.array([True, False, False]),
        spares=SpareRule(1, "leaf"),
    )
    failed = NodeFailures("n000", 2, "DeviceLost", 3600.0, 60.0)
    rows = {row["name"]: row for row in node_rows(snapshot, [failed])}
    shown = [rows["n000"][key] for key in ("suspect", "spare", "failures", "lastCause", "lastAt")]
    assert shown == [True, False, 2, "DeviceLost", "1970-01-01T01:00:00Z"]
    assert [rows["n002"][key] for key in ("suspect", "spare", "failures", "lastCause")] == [
        False,
        True,
        0,
        "",
    ]
