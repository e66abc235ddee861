"""A fault campaign: gangs come and go while one kind of fault after another is on, and an observer judges.

After each kind: the fault ends, every gang of the time succeeds, the standing gangs run, the operator lives, and
the observer has found nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field

from tests.chaos import api_kinds, cluster_kinds, object_kinds, operator_kinds
from tests.chaos.kinds import Kind
from tests.chaos.stage import STANDING, Json, Stage

MODULES = (api_kinds, cluster_kinds, object_kinds, operator_kinds)
GANGS = 3
"""Gangs that come while a kind is on."""


@dataclass
class Round:
    """What came of one kind, or of several at a time.

    Attributes:
        kinds: Which.
        seconds: From the beginning of the fault until all was well.
        healed: From its end until all was well.
        gangs: Gangs that came and succeeded.
        restarts: Restarts of the gangs that run all the time.
        breaches: What was wrong.
    """

    kinds: tuple[Kind, ...]
    seconds: float = 0.0
    healed: float = 0.0
    gangs: int = 0
    restarts: int = 0
    breaches: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return " + ".join(kind.name for kind in self.kinds)


def play(stage: Stage, kinds: Sequence[Kind], *, seconds: float | None = None, gangs: int = GANGS) -> Round:
    """Have some kinds of faults on at a time, end them, and see that all is well."""
    done = Round(tuple(kinds))
    began = time.monotonic()
    prefix = kinds[0].name.replace("/", "-")[-24:].strip("-")
    before = _attempts(stage)
    coming = [stage.a_gang(prefix) for _ in range(gangs)]
    # While the API server is away nobody can submit: that must not keep the fault from ending.
    user = threading.Thread(target=_submit, args=(stage, coming[1:]), daemon=True)
    try:
        # What happens to pods, jobs and nodes keeps nobody from hearing of it.
        with stage.observer.fault(blinds=any(_turn(kind) for kind in kinds)):
            with ExitStack() as stack:
                stage.create(coming[0])
                for kind in sorted(kinds, key=_turn):
                    stack.enter_context(kind.on(stage))
                user.start()
                stage.hold(max(seconds or kind.seconds for kind in kinds))
            ended = time.monotonic()
        user.join(60)
        stage.keep_operator()
        stage.done([job["metadata"]["name"] for job in coming])
        stage.standing()
        done.healed = time.monotonic() - ended
        done.gangs = len(coming)
    except AssertionError as late:
        done.breaches.append(str(late))
    try:
        done.breaches += stage.observer.settle()
    except AssertionError as late:
        done.breaches.append(str(late))
    done.breaches += stage.complaints()
    stage.keep_operator()
    if not any(kind.exits for kind in kinds):
        done.breaches += stage.ended
    stage.ended.clear()
    done.restarts = sum(now - was for was, now in zip(before, _attempts(stage), strict=True))
    if done.restarts and not any(kind.harms for kind in kinds):
        done.breaches.append(f"gangs that ran were restarted {done.restarts} times")
    done.seconds = time.monotonic() - began
    return done


def finale(stage: Stage) -> Round:
    """End the standing gangs and see that the operator has nothing more to write."""
    last = Round((Kind("idle", "Nothing happens.", lambda _: nullcontext()),))
    stage.finish()
    last.breaches = stage.observer.settle() + [
        f"the idle operator wrote {what} {count} times" for what, count in stage.idle_writes(5.0).items()
    ]
    return last


def _turn(kind: Kind) -> int:
    """Last on and first off: what keeps the operator from working, then what keeps everybody from it."""
    group = kind.name.split("/")[0]
    return {"api": 1, "operator": 1, "control-plane": 2}.get(group, 0)


def _submit(stage: Stage, jobs: Sequence[Json]) -> None:
    for job in jobs:
        stage.create(job)


def _attempts(stage: Stage) -> list[int]:
    return [int(stage.status(name).get("attempt") or 0) for name in STANDING]
