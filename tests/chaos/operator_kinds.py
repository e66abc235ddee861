"""Faults of the operator's own process and machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.kinds import kind
from tests.chaos.stage import Stage

HOUR, DAY = 3600, 86_400


@kind("operator/kill", "The operator is killed; another starts.")
def kill(stage: Stage) -> Iterator[None]:
    stage.replace_operator()
    yield


@kind("operator/crash-loop", "Operators are killed one after another, each in its first second.")
def crash_loop(stage: Stage) -> Iterator[None]:
    for _ in range(4):
        stage.replace_operator()
        stage.hold(stage.chance.uniform(0.1, 1.0))
    stage.replace_operator()
    yield


@kind(
    "operator/away", "The operator is killed, and nobody starts another while the fault lasts.", seconds=1.5
)
def away(stage: Stage) -> Iterator[None]:
    stage.operator.kill()
    yield
    stage.start_operator()


@kind("operator/stopped", "The operator is asked to end; another starts.")
def stopped(stage: Stage) -> Iterator[None]:
    stage.end_operator()
    stage.start_operator()
    yield


@kind("operator/frozen", "The operator's process stands still (SIGSTOP) and goes on.", seconds=1.5)
def frozen(stage: Stage) -> Iterator[None]:
    stage.operator.signal(signal.SIGSTOP)
    yield
    stage.operator.signal(signal.SIGCONT)


@kind("operator/disk-full", "Nothing the operator logs can be written.", seconds=2.5)
def disk_full(stage: Stage) -> Iterator[None]:
    full = stage.replace_operator(Path("/dev/full"))
    yield
    assert full.alive, f"the operator that could not log ended, status {full.ended}"
    stage.replace_operator()


@kind("operator/starved", "The operator gets the least of the CPU.", seconds=1.5)
def starved(stage: Stage) -> Iterator[None]:
    os.setpriority(os.PRIO_PROCESS, stage.operator.pid, 19)
    yield
    stage.replace_operator()  # only root may take priority back


def _jump(name: str, seconds: int, says: str) -> None:
    def jump(stage: Stage) -> Iterator[None]:
        fresh = stage.clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(stage.clock)
        yield
        stage.clock.unlink()

    kind(f"operator/{name}", says, seconds=1.5)(jump)


_jump("clock-hour-ahead", HOUR, "The wall clock jumps an hour ahead, and back.")
_jump("clock-hour-behind", -HOUR, "The wall clock jumps an hour back, and ahead.")
_jump("clock-day-ahead", DAY, "The wall clock jumps a day ahead, and back.")
_jump("clock-day-behind", -DAY, "The wall clock jumps a day back, and ahead.")
