"""Thousands of hostile objects through the API server: each is refused with a sentence or dealt with.

Dealt with means: a job runs, ends or says why it waits; an object of the other kinds has conditions. Meanwhile the
operator lives, logs no exception, and an honest job among them starts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from crosstree.base.names import API_VERSION
from localcluster import ApiError
from tests.chaos.stage import PATIENCE, STANDING, Json, Stage
from tests.support.hostile import Hostile
from tests.support.objects import a_job
from tests.support.waiting import eventually

BATCH = 150
AT_ONCE = 24
PLURALS = {
    "AICluster": "aiclusters",
    "AcceleratorPool": "acceleratorpools",
    "JobQueue": "jobqueues",
    "TrainingJob": "namespaces/chaos/trainingjobs",
}


@dataclass
class Fuzz:
    """What came of it; `breaches` is what was wrong."""

    sent: int = 0
    refused: int = 0
    accepted: int = 0
    seconds: float = 0.0
    breaches: list[str] = field(default_factory=list)


def fuzz(stage: Stage, objects: int, seed: int, tell: Callable[[Fuzz], None]) -> Fuzz:
    """Send so many objects, batch by batch; tell of each batch."""
    hostile = Hostile(seed)
    done = Fuzz()
    began = time.monotonic()
    while done.sent < objects and not done.breaches:
        batch = [hostile.next() for _ in range(min(BATCH, objects - done.sent))]
        accepted = _send(stage, batch, done)
        try:
            _dealt_with(stage, accepted)
            _honest(stage, done.sent)
        except AssertionError as late:
            done.breaches.append(str(late))
        _clear(stage)
        done.breaches += stage.ended + stage.complaints()
        done.seconds = time.monotonic() - began
        tell(done)
    done.breaches += stage.observer.settle()
    return done


def _send(stage: Stage, batch: list[Json], done: Fuzz) -> list[str]:
    """Create objects; return the paths of those accepted."""

    def send(one: Json) -> tuple[str, int, bytes]:
        path = f"/apis/{API_VERSION}/{PLURALS[one['kind']]}"
        status, answer = stage.api.raw("POST", path, json.dumps(one).encode())
        return path, status, answer

    accepted = []
    for path, status, answer in stage.api.each(send, batch, at_once=AT_ONCE):
        done.sent += 1
        said = json.loads(answer)
        if status < 300:
            done.accepted += 1
            accepted.append(f"{path}/{said['metadata']['name']}")
        else:
            done.refused += 1
            if status >= 500 or not said.get("message"):
                done.breaches.append(f"POST {path}: {status} {answer[:300]!r}")
    return accepted


def _dealt_with(stage: Stage, accepted: list[str]) -> None:
    """Wait until each of these objects says what has become of it."""
    left = set(accepted)

    def look() -> Json:
        stage.keep_operator()
        silent = {}
        for kind in PLURALS.values():
            path = f"/apis/{API_VERSION}/{kind}"
            for one in stage.api.get(path)["items"]:
                where = f"{path}/{one['metadata']['name']}"
                if where in left and not _says(one):
                    silent[where] = one
        left.intersection_update(silent)
        return silent

    eventually(
        look, until=lambda seen: not seen, within=PATIENCE, every=0.3, what="every object was dealt with"
    )


def _says(one: Json) -> bool:
    """Whether an object says what has become of it."""
    status = one.get("status") or {}
    if one["kind"] != "TrainingJob":
        return bool(status.get("conditions"))
    told = status.get("phase") in ("Starting", "Running", "Suspended", "Succeeded", "Failed")
    return told or bool((status.get("waiting") or {}).get("reason"))


def _honest(stage: Stage, number: int) -> None:
    """See that a job without fault starts in the middle of it all; on CPUs, of which nobody else takes all."""
    name = f"honest-{number}"
    stage.create(a_job(name, workers=1, per_worker=0, model=None, cluster="east", queue="default"))
    eventually(
        lambda: stage.status(name),
        until=lambda seen: seen.get("phase") == "Running",
        within=PATIENCE,
        what=f"job {name} ran",
    )


def _clear(stage: Stage) -> None:
    """Delete everything but what the stage needs, and wait until it is gone."""
    keep = {"east", "default", *STANDING, *_pools_of_east(stage)}

    def cleared() -> list[str]:
        left = []
        for kind in PLURALS.values():
            path = f"/apis/{API_VERSION}/{kind}"
            names = [one["metadata"]["name"] for one in stage.api.get(path)["items"]]
            left += [f"{path}/{name}" for name in names if name not in keep]
        for _ in stage.api.each(lambda where: _delete(stage, where), left, at_once=AT_ONCE):
            pass
        return left

    eventually(cleared, until=lambda left: not left, within=PATIENCE, what="the objects were gone")


def _pools_of_east(stage: Stage) -> list[str]:
    pools = stage.api.get(f"/apis/{API_VERSION}/acceleratorpools")["items"]
    return [
        one["metadata"]["name"]
        for one in pools
        if any(owner["name"] == "east" for owner in one["metadata"].get("ownerReferences") or ())
    ]


def _delete(stage: Stage, path: str) -> None:
    try:
        stage.api.delete(path)
    except ApiError as error:
        if error.status != 404:
            raise
