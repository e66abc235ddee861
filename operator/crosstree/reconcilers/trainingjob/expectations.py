"""What we did and the watch has not shown yet.

A decision on facts that lag behind our own writes would do things twice. So after creating pods nothing is
decided about their job until they are seen, for a bounded time; and a pod that was told to go is not
told again at once. All of it is a convenience: when it is lost, names and uids keep the writes harmless.

Prior art: `ControllerExpectations` and `UIDTrackingControllerExpectations` of kube-controller-manager.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from crosstree.core.pods import PodFact

SEEN_WITHIN = 5.0
"""Seconds after which a pod that is still not seen counts as never made."""

SERVED_WITHIN = 20.0
"""Seconds after the look that made a Service within which it is not made again. Its creation comes after that of the
pods, which the time of the look is before, and gives way to pods of other gangs: both may take long.
"""

TAKEN_AFTER = 30.0
"""Seconds for which a name has to be in use, without its pod being seen among the job's, to count as somebody
else's: longer than any watch lags that is worth working with."""

TOLD_AGAIN = 10.0
"""Seconds after which a pod that is still not terminating is deleted once more."""


class Expectations:
    """For each job, the pods it waits to see come and those it has told to go."""

    def __init__(self) -> None:
        self._coming: dict[str, dict[str, float]] = {}
        self._leaving: dict[str, dict[str, float]] = {}
        self._in_use: dict[str, dict[str, float]] = {}
        self._served: dict[str, float] = {}

    def come(self, key: str, names: Iterable[str]) -> None:
        """Expect pods of these names; the time to see them runs from the next look at the job.

        Creating a large gang may take longer than seeing it, and no other look comes in between.
        """
        self._coming[key] = dict.fromkeys(names, math.inf)

    def forgo(self, key: str, name: str) -> None:
        """Expect a pod no longer: it was not made."""
        self._coming.get(key, {}).pop(name, None)

    def pending(self, key: str, pods: Collection[PodFact], now: float) -> bool:
        """Tell whether pods are still to be seen, and time is left to see them."""
        coming = self._coming.get(key)
        if not coming:
            return False
        for pod in pods:
            coming.pop(pod.name, None)
            self._in_use.get(key, {}).pop(pod.name, None)
        for name, until in coming.items():
            coming[name] = min(until, now + SEEN_WITHIN)
        return any(until > now for until in coming.values())

    def overdue(self, key: str) -> frozenset[str]:
        """Return the pods that should have been seen by now and were not, once `pending` says that time is up."""
        return frozenset(self._coming.get(key, ()))

    def extend(self, key: str, names: Iterable[str], now: float) -> None:
        """Wait on for these pods, which are there as the API server says; the others count as never made."""
        self._coming[key] = dict.fromkeys(names, now + SEEN_WITHIN)

    def taken(self, key: str, name: str, now: float) -> bool:
        """Take note that a name is in use already; tell whether it has been for so long that it can't be ours."""
        return now - self._in_use.setdefault(key, {}).setdefault(name, now) >= TAKEN_AFTER

    def to_tell(self, key: str, pods: Iterable[PodFact], now: float, *, anew: str = "") -> list[PodFact]:
        """Return those of `pods` that were not told to go lately, and remember that they are told now.

        `anew` names a way of being told that does not wait for another: to hurry, or being removed by force.
        """
        told = self._leaving.setdefault(key, {})
        mark = f"{anew} " if anew else ""
        fresh = [pod for pod in pods if told.get(mark + pod.uid, 0.0) <= now]
        told.update({mark + pod.uid: now + TOLD_AGAIN for pod in fresh})
        return fresh

    def serve(self, uid: str, now: float) -> bool:
        """Tell whether a job's Service should be made now; if so, take note that it was."""
        if self._served.get(uid, -math.inf) + SERVED_WITHIN > now:
            return False
        self._served = {other: at for other, at in self._served.items() if at + SERVED_WITHIN > now}
        self._served[uid] = now
        return True

    def unserve(self, uid: str) -> None:
        """Take back the note: it could not be made."""
        self._served.pop(uid, None)

    def settle(self, key: str) -> None:
        """Forget an attempt: none of its pods is left to wait for."""
        self._leaving.pop(key, None)
        self._in_use.pop(key, None)

    def forget(self, key: str) -> None:
        """Forget a job that is gone."""
        self._coming.pop(key, None)
        self.settle(key)
