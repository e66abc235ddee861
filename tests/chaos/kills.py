"""Many operator kills at random moments over a churn of gangs, judged by the observer.

Operators die after a random time or at a random write, before or after it was done, while gangs start, end, and
lose workers. Every gang must run and succeed; nothing is made twice, nothing is lost, no guarantee is broken.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from localcluster import ApiError, faults
from tests.chaos.stage import JOBS, PODS, Stage
from tests.support.waiting import eventually

LONGEST_LIFE = 1.2
"""Seconds an operator lives at most from its first request on: some die while they read, most while they work."""

MOST_WRITES = 25
HARM = 0.3
"""How often a kill comes with the end of a worker somewhere: work for the next operator."""

AT_ONCE = 24
"""Gangs that are there at a time; the nodes hold about twenty of them."""


@dataclass
class Toll:
    """What came of it.

    Attributes:
        kills: Operators killed.
        at_writes: Of these, killed at a write.
        harmed: Workers that were ended meanwhile.
        gangs: Gangs that succeeded.
        seconds: How long it took.
        changes: Changes that the observer saw.
        breaches: What was wrong.
    """

    kills: int = 0
    at_writes: int = 0
    harmed: int = 0
    gangs: int = 0
    seconds: float = 0.0
    changes: int = 0
    breaches: list[str] = field(default_factory=list)


class Gangs:
    """Keeps a number of gangs going in the background until enough have come.

    Args:
        stage: Where.
        total: Gangs that come in all.
        stretch: Factor of how long they run.
    """

    def __init__(self, stage: Stage, total: int, stretch: int) -> None:
        self.done = 0
        self.broken = ""
        self._stage = stage
        self._total = total
        self._stretch = stretch
        self._alive: set[str] = set()
        self._came = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gangs", daemon=True)

    @property
    def over(self) -> bool:
        """Whether every gang has come and succeeded."""
        return self.done == self._total or bool(self.broken)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """No further gangs; return when the last look is over."""
        self._stop.set()
        self._thread.join(60)

    def left(self) -> dict[str, object]:
        """Return the gangs that are not done, and how they are."""
        return {name: self._stage.status(name) for name in sorted(self._alive)}

    def _run(self) -> None:
        while not self._stop.wait(0.25) and not self.over:
            try:
                self._look()
            except ApiError:
                continue  # the next look will tell
            except Exception as error:  # shown by the test
                self.broken = repr(error)

    def _look(self) -> None:
        found = self._stage.api.get(JOBS)["items"]
        phases = {one["metadata"]["name"]: (one.get("status") or {}).get("phase") for one in found}
        for name in sorted(self._alive):
            if phases.get(name) == "Succeeded":
                self._stage.api.delete(f"{JOBS}/{name}")
                self._alive.discard(name)
                self.done += 1
            elif phases.get(name) == "Failed":
                raise AssertionError(f"gang {name} failed: {self._stage.status(name)}")
        while len(self._alive) < AT_ONCE and self._came < self._total:
            seconds = self._stage.chance.choice((1, 2, 4, 8)) * self._stretch
            gang = self._stage.a_gang("churn", seconds=seconds)
            self._stage.create(gang)
            self._alive.add(gang["metadata"]["name"])
            self._came += 1


def kill_many(stage: Stage, kills: int, gangs: int, tell: Callable[[Toll], None]) -> Toll:
    """Kill operators while gangs come and go; then let the last operator finish the work."""
    toll = Toll()
    began = time.monotonic()
    churn = Gangs(stage, gangs, stretch=max(1, kills // 100))  # there are gangs until the last kill
    churn.start()
    try:
        with stage.observer.fault():
            while toll.kills < kills and not churn.broken:
                toll.harmed += stage.chance.random() < HARM and _harm(stage)
                toll.at_writes += _one(stage)
                toll.kills += 1
                toll.gangs, toll.seconds = churn.done, time.monotonic() - began
                tell(toll)
        eventually(lambda: churn.over, within=900, what=f"all gangs succeeded; {churn.done} of {gangs} had")
    except AssertionError as late:
        toll.breaches += [str(late), str(churn.left())[:3000]]
    finally:
        churn.stop()
    if churn.broken:
        toll.breaches.append(churn.broken)
    toll.breaches += stage.observer.settle() + stage.complaints()
    toll.gangs, toll.seconds = churn.done, time.monotonic() - began
    toll.changes = stage.observer.judge.judged
    return toll


def _harm(stage: Stage) -> bool:
    """End a worker of some gang badly, or delete it; return whether there was one."""
    with suppress(ApiError):
        pods = stage.api.get(PODS)["items"]
        running = [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Running"]
        if running:
            name = stage.chance.choice(running)
            if stage.chance.random() < 0.5:
                faults.fail_pod(stage.api, "chaos", name)
            else:
                stage.api.delete(f"{PODS}/{name}")
            return True
    return False


def _one(stage: Stage) -> bool:
    """Let the operator at work live for a while, kill it, start another; return whether it died at a write.

    One in five dies at any time from its start on, the others once they have begun to read the cluster.
    """
    if stage.chance.random() < 0.2:
        stage.hold(stage.chance.uniform(0.0, LONGEST_LIFE))
        stage.replace_operator()
        return False
    before = stage.proxy.requests
    eventually(
        lambda: stage.proxy.requests > before, within=60, every=0.02, what="the operator began to read"
    )
    at_write = stage.chance.random() < 0.6
    if at_write:
        nth, done = stage.chance.randint(1, MOST_WRITES), stage.chance.random() < 0.5
        at_write = stage.proxy.kill_at(stage.operator.shoot, nth, done=done).wait(LONGEST_LIFE)
        stage.proxy.spare()
    else:
        stage.hold(stage.chance.uniform(0.0, LONGEST_LIFE))
    stage.replace_operator()
    return at_write
