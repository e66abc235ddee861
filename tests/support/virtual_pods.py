"""A pod in memory: what kube-scheduler and a kubelet would make of it, one tick at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from crosstree.base.names import LABEL_ATTEMPT, LABEL_INDEX
from crosstree.core.pods import Exit, PodFact, PodPhase

READY_AFTER = 2
"""Ticks from creation to readiness."""


@dataclass
class Outcome:
    """How a worker of one attempt ends: `code` after `ticks` of being ready."""

    ticks: int = 3
    code: int = 0
    reason: str = ""
    disrupted: bool = False


@dataclass
class VirtualPod:
    """A pod and how long it has lived."""

    fact: PodFact
    body: Mapping[str, Any]
    age: int = 0

    @classmethod
    def made(cls, body: Mapping[str, Any], uid: str, now: float) -> VirtualPod:
        """Take a pod over from the body it was created with."""
        meta = body["metadata"]
        fact = PodFact(
            name=meta["name"],
            uid=uid,
            job_uid=meta["ownerReferences"][0]["uid"],
            index=int(meta["labels"][LABEL_INDEX]),
            attempt=int(meta["labels"][LABEL_ATTEMPT]),
            phase=PodPhase.PENDING,
            created=now,
        )
        return cls(fact, body)

    def grown(self, fate: Outcome, now: float) -> PodFact:
        """Return what becomes of the pod within a tick: bound, ready, ended."""
        fact = self.fact
        if fact.phase is PodPhase.PENDING:
            pinned = self.body["spec"]["affinity"]["nodeAffinity"]
            term = pinned["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]
            return replace(fact, phase=PodPhase.RUNNING, node=term["matchFields"][0]["values"][0])
        if fact.phase is not PodPhase.RUNNING or self.age < READY_AFTER:
            return fact
        if self.age < READY_AFTER + fate.ticks:
            return replace(fact, ready=True)
        phase = PodPhase.FAILED if fate.code else PodPhase.SUCCEEDED
        ended = Exit(fate.code, fate.reason, "", now)
        return replace(fact, phase=phase, ready=False, exit=ended, disrupted=fate.disrupted)
