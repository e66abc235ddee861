"""One worker made again alone, for programs that say they can live with it (`spec.restart.scope: Worker`).

The others never stop: same attempt, same node, same name. What ended is recorded first, by the uid of its pod, then
the pod is deleted, and only when it is gone is the next one made: so a worker is never there twice, and an operator
that died in between neither charges it twice nor forgets it. Anything wrong with the node is the gang's matter: so is a
pod that it would not run, or a second one that it lost at nobody's charge within a minute.
"""

from __future__ import annotations

from crosstree.core.lifecycle.facts import JobFacts, was_ready
from crosstree.core.lifecycle.moves import Cause, Finish, Launch, Recover, Remake
from crosstree.core.plan import Rung
from crosstree.core.pods import PodFact, PodPhase
from crosstree.core.snapshot import NodeState

ALONE = frozenset({Cause.WORKER_FAILED, Cause.OUT_OF_MEMORY, Cause.DISRUPTED, Cause.POD_DELETED})
"""Causes that concern one worker and not the node under it."""

SETTLED_SECONDS = 60.0
"""How long a worker made again at no charge has to last before another on its node may be: without charge nothing
else ends a series."""


def on_its_way(facts: JobFacts) -> PodFact | None:
    """Return the pod that is recorded to be made again and is not gone yet."""
    recovery = facts.job.progress.recovery
    if not facts.job.alone or recovery is None or recovery.rung is not Rung.WORKER:
        return None
    return next((pod for pod in facts.current.values() if pod.uid == recovery.pod), None)


def one_worker(facts: JobFacts, end: Recover | Finish | None) -> Recover | Finish | Remake | Launch | None:
    """Spare the gang the end of its attempt, where making one worker again will do."""
    if not facts.job.alone or not isinstance(end, Recover) or end.cause not in ALONE:
        return end
    if end.worker is None or not was_ready(facts.job.progress):
        return end
    pod = facts.current.get(end.worker)
    if not _takes(facts, end.worker):
        return end
    if pod is None:
        return Launch(facts.missing)
    if not _ran(pod) or (not end.charged and _lately(facts, pod.node)):
        return end
    return Remake(pod, end.cause, charged=end.charged, message=end.message)


def _takes(facts: JobFacts, index: int) -> bool:
    """Tell whether the node of a worker takes pods, and has the devices for those it holds."""
    placement = facts.job.progress.placement
    node = facts.node(placement.node_of(index)) if placement is not None else None
    return node is not None and node.exists and node.state is NodeState.USABLE and node.overcommitted == 0


def _ran(pod: PodFact) -> bool:
    """Tell whether a pod got as far as running: one that its node refused, or drove away before, did not."""
    return pod.exit is not None or pod.phase is PodPhase.RUNNING


def _lately(facts: JobFacts, node: str) -> bool:
    """Tell whether this node lost a worker a moment ago already, at no charge, in a series of workers made alone.

    Not only the last restart counts: workers of two nodes that are lost in turn would else be made for ever.
    """
    progress = facts.job.progress
    if progress.recovery is None or progress.recovery.rung is not Rung.WORKER:
        return False
    return any(
        not one.charged and one.node == node and facts.now - one.at < SETTLED_SECONDS
        for one in progress.restarts
    )
