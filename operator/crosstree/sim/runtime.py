"""How jobs run where nothing runs: speed, checkpoints, what a stop costs. The physics of the simulator.

Work is measured in seconds at the job's full size on an accelerator of speed 1. Nothing here decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Runtime:
    """What is assumed of every job.

    Attributes:
        checkpoint: Seconds of running between two checkpoints; 0 for jobs that save at every moment, `math.inf` for
            jobs that never do.
        restart: Seconds that an attempt after the first takes before it goes on with the work: images, rendezvous,
            reading the checkpoint.
        grace: Seconds for which a job that is told to stop keeps its nodes.
        saves_when_told: Whether a job that is told to stop saves what it has done.
        speeds: Work per second by model, where it is not 1.
    """

    checkpoint: float = 1800.0
    restart: float = 60.0
    grace: float = 30.0
    saves_when_told: bool = False
    speeds: Mapping[str, float] = field(default_factory=dict)

    def rate(self, model: str, workers: int, full: int) -> float:
        """Return the work done per second: in proportion to the size, times the speed of the model."""
        return self.speeds.get(model, 1.0) * workers / full


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job from a place to its end or to a stop.

    Attributes:
        began: When it got its nodes, seconds since the epoch.
        works: When it goes on with the work, after what a restart takes.
        rate: Work per second.
        left: Work that was left when it began.
    """

    began: float
    works: float
    rate: float
    left: float

    @property
    def ends(self) -> float:
        """When the work is done, seconds since the epoch."""
        return self.works + self.left / self.rate

    def running(self, now: float) -> float:
        """Return the seconds for which it has worked."""
        return max(0.0, now - self.works)

    def saved_at(self, now: float, checkpoint: float) -> float:
        """Return up to when its work is saved, seconds since the epoch; `began` as long as nothing is."""
        worked = self.running(now)
        if checkpoint <= 0:
            return now if worked > 0 else self.began
        whole = math.floor(worked / checkpoint) if math.isfinite(checkpoint) else 0
        return self.works + whole * checkpoint if whole else self.began

    def left_when(self, saved: float) -> float:
        """Return the work that is left for the next attempt if it is stopped with its work saved up to an instant."""
        return max(0.0, self.left - self.running(saved) * self.rate)
