"""One worker made again alone, for programs that say they can live with it (`spec.restart.scope: Worker`).

The others never stop: same attempt, same node, same name. What ended is recorded first, by the uid of its pod, then
the pod is deleted, and only when it is gone is the next one made: so a worker is never there twice, and an operator
that died in between neither charges it twice nor forgets it. Anything wrong with the node is the gang's matter.
"""

from __future__ import annotations

from crosstree.core.lifecycle.facts import JobFacts, was_ready
from crosstree.core.lifecycle.moves import Cause, Finish, Launch, Recover, Remake
from crosstree.core.plan import Rung
from crosstree.core.pods import PodFact
from crosstree.core.snapshot import NodeState

ALONE = frozenset({Cause.WORKER_FAILED, Cause.OUT_OF_MEMORY, Cause.DISRUPTED, Cause.POD_DELETED})
"""Causes that concern one worker and not the node under it."""


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
    if pod is None:
        return Launch(facts.missing)
    node = facts.node(pod.node)
    if node is None or not node.exists or node.state is not NodeState.USABLE:
        return end
    return Remake(pod, end.cause, charged=end.charged, message=end.message)
