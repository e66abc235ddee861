"""A recorded snapshot is the snapshot: any process that reads it decides what was decided."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from hypothesis import Phase, find, given, settings

from crosstree.cli.recordings import opened, save
from crosstree.core.anonymous import anonymous
from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Place, Plan, Wait
from crosstree.core.record import Recording, recall, record
from crosstree.core.snapshot import Snapshot
from crosstree.core.values import plain
from tests.support.builders.recordings import recordings

EXAMPLES = settings(max_examples=150)
ROOT = Path(__file__).parents[2]


def through_json(recording: Recording) -> Recording:
    return recall(json.loads(json.dumps(record(recording), allow_nan=False)))


def decided(recording: Recording) -> Plan:
    return run_cycle(recording.snapshot, recording.policy, recording.now)


@EXAMPLES
@given(recordings())
def test_a_recording_read_again_gives_the_same_plan(recording):
    assert decided(through_json(recording)) == decided(recording)


@EXAMPLES
@given(recordings())
def test_a_recording_read_again_has_every_value_and_every_type_of_number(recording):
    again = through_json(recording)
    assert record(again) == record(recording)
    for field in fields(Snapshot):
        before, after = getattr(recording.snapshot, field.name), getattr(again.snapshot, field.name)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype
            assert np.array_equal(before, after)
    assert again.snapshot.gangs == recording.snapshot.gangs
    assert again.snapshot.queues == recording.snapshot.queues
    assert again.snapshot.manners == recording.snapshot.manners
    assert (again.policy, again.now, again.priorities) == (
        recording.policy,
        recording.now,
        recording.priorities,
    )
    assert again.lessons == recording.lessons
    assert (again.labels, again.taints) == (recording.labels, recording.taints)
    for before, after in zip(recording.snapshot.pools, again.snapshot.pools, strict=True):
        assert before.fabric.level_names == after.fabric.level_names
        for one, other in zip(before.fabric.levels, after.fabric.levels, strict=True):
            assert (one.names, one.label) == (other.names, other.label)
            assert np.array_equal(one.domain, other.domain)
            assert one.domain.dtype == other.domain.dtype


@EXAMPLES
@given(recordings())
def test_without_its_names_a_recording_gives_the_same_plan_but_for_the_names(recording):
    shown, hidden = decided(recording), decided(anonymous(recording))
    assert shape(shown) == shape(hidden)


def shape(plan: Plan) -> list[tuple[object, ...]]:
    """A plan without names: what was decided, in which order, over how many nodes, and why not."""
    return [
        (type(one), one.model, [share.count for share in one.nodes], one.spans)
        if isinstance(one, Place)
        else (type(one), one.reason, one.position, one.forecast)
        if isinstance(one, Wait)
        else (type(one),)
        for one in plan.decisions
    ]


def test_other_processes_with_other_hash_seeds_decide_the_same(tmp_path):
    busy = [busy_recording(number) for number in (2, 4)]
    for number, recording in enumerate(busy):
        save(recording, str(tmp_path / f"{number}.json.gz"))
    expected = [json.loads(json.dumps(plain(decided(one), Plan), allow_nan=False)) for one in busy]
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                DECIDE,
                *(str(tmp_path / f"{number}.json.gz") for number in range(len(busy))),
            ],
            env={"PATH": os.defpath, "PYTHONPATH": str(ROOT / "operator"), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == expected


def busy_recording(most: int) -> Recording:
    """Find a cluster on which several gangs wait, some start and some do not."""
    return find(
        recordings(),
        lambda one: (
            len(one.snapshot.running) >= 2
            and len(one.snapshot.gangs) >= most
            and {Place, Wait} <= {type(each) for each in decided(one).decisions}
        ),
        settings=settings(max_examples=20_000, database=None, derandomize=True, phases=[Phase.generate]),
    )


DECIDE = """
import json, sys
from crosstree.cli.recordings import opened
from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Plan
from crosstree.core.values import plain
plans = [(one := opened(name)) and plain(run_cycle(one.snapshot, one.policy, one.now), Plan) for name in sys.argv[1:]]
print(json.dumps(plans, allow_nan=False))
"""


def test_a_file_packed_or_not_gives_back_what_was_saved(tmp_path):
    recording = busy_recording(2)
    for name in ("plain.json", "packed.json.gz"):
        save(recording, str(tmp_path / name))
        assert record(opened(str(tmp_path / name))) == record(recording)
    assert (tmp_path / "packed.json.gz").stat().st_size < (tmp_path / "plain.json").stat().st_size


def test_saving_the_same_recording_twice_gives_the_same_bytes(tmp_path):
    recording = busy_recording(2)
    for name in ("one.gz", "two.gz"):
        save(replace(recording), str(tmp_path / name))
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
