"""What happens around every look at an object, whatever its kind."""

from __future__ import annotations

import pytest

from crosstree import translate
from crosstree.adapters.store import ObjectStore
from crosstree.base.errors import NotFound, Refused
from crosstree.base.names import API_VERSION
from crosstree.engine.work import Again, Done, Outcome
from crosstree.reconcilers.dispatch import GONE_WITHIN, Dispatch


def a_job(restarts: list[dict], version: int) -> dict:
    container = {"name": "trainer", "image": "example/trainer"}
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {
            "name": "a",
            "namespace": "ml",
            "uid": "1",
            "generation": 1,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "framework": {"name": "custom"},
            "workers": 1,
            "accelerators": {"perWorker": 1},
            "template": {"spec": {"containers": [container]}},
        },
        "status": {"restarts": restarts},
    }


class Bench:
    def __init__(self, answer: Outcome | Exception, *, restarts: list[dict] | None = None) -> None:
        self.answer = answer
        self.restarts = restarts
        self.store = ObjectStore(translate, lambda *_: None)
        self.store.put("TrainingJob", a_job([], 1))
        self.told: list[str] = []
        self.dispatch = Dispatch(self.store, None, {"TrainingJob": self.reconcile}, self.told.append)

    async def reconcile(self, key: str, now: float) -> Outcome:
        if self.restarts is not None:
            self.store.put("TrainingJob", a_job(self.restarts, 2))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def look(self) -> Outcome:
        return await self.dispatch.reconcile(("TrainingJob", "ml/a"), 1000.0)


async def test_a_job_deleted_under_our_hands_is_no_failure():
    assert await Bench(NotFound("gone")).look() == Again(GONE_WITHIN)


async def test_other_errors_come_through():
    with pytest.raises(Refused):
        await Bench(Refused("no")).look()


async def test_every_gang_restart_is_counted_once():
    restart = {
        "at": "2026-01-01T00:00:00Z",
        "reason": "NodeLost",
        "node": "n1",
        "message": "",
        "charged": False,
    }
    bench = Bench(Done(), restarts=[restart])
    await bench.look()
    await bench.look()
    assert bench.told == ["NodeLost"]
