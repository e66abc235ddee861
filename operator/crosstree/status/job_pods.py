"""Condition PodsReady: how far the workers of an attempt have come, said without flicker.

A gang that starts well causes two writes, one when it is placed and one when it is ready: nothing is
counted aloud in the first seconds, and then only in tenths.
"""

from __future__ import annotations

from dataclasses import replace

from crosstree.base.moments import moment
from crosstree.base.words import listed
from crosstree.core.job import Progress
from crosstree.core.lifecycle import (
    QUIET_START,
    Finish,
    JobFacts,
    Move,
    StorePlacement,
    finished,
    was_ready,
)
from crosstree.core.lifecycle.facts import condition, since
from crosstree.core.lifecycle.failure import device_trouble
from crosstree.core.pods import OUT_OF_SERVICE_TAINT, PodFact, PodPhase
from crosstree.status.conditions import Condition, Reason, Type

NAMED = 3
"""Workers that are named in a message; the rest are counted."""

STEPS = 10
"""In how many steps the number of ready workers is told."""


def pods_ready(facts: JobFacts, move: Move, progress: Progress, *, leaving: bool) -> Condition:
    """Return PodsReady. `leaving` is True while the placement is being withdrawn."""
    workers = facts.job.workers
    if isinstance(move, Finish) or finished(facts.job.progress):
        return _no(Reason.ENDED, "The job has ended.")
    if progress.placement is None:
        return _no(Reason.NO_PODS)
    if leaving:
        return _no(Reason.STOPPING, f"The pods of attempt {progress.attempt} are being deleted.")
    if isinstance(move, StorePlacement):
        return _no(Reason.STARTING, _starting(move.place.workers))
    pods = facts.current
    lagging = [index for index in range(workers) if not _up(pods.get(index))]
    ran = was_ready(facts.job.progress)
    if (ran or not lagging) and (trouble := device_trouble(facts)):
        return replace(_no(Reason.DEVICE_LOST, trouble[1]), timed=True)
    if not lagging:
        return Condition.true(Type.PODS_READY, Reason.ALL_READY, f"All {workers} workers are ready.")
    if ran:
        return _no(Reason.NOT_ALL_READY, _named(facts, lagging, "not ready"))
    return _on_the_way(facts, lagging)


def _on_the_way(facts: JobFacts, lagging: list[int]) -> Condition:
    workers = facts.job.workers
    stuck = [pod for index in lagging if (pod := facts.current.get(index)) is not None and pod.stuck]
    if stuck:
        first = stuck[0]
        reason = Reason.WAITING_FOR_IMAGE if "Image" in first.stuck.partition(":")[0] else Reason.POD_STUCK
        subject = f"Worker {first.index} on node {first.node or '(none)'} can't start"
        return _no(reason, _steady(facts, reason, subject, f"{subject}: {first.stuck}"))
    placed = since(facts.job.progress, Type.PLACED.value)
    if placed is None or facts.now - placed < QUIET_START:
        return _no(Reason.STARTING, _starting(workers))
    step = (workers - len(lagging)) * STEPS // workers
    known = -(-step * workers // STEPS)
    told = (
        f"At least {known} of {workers} workers are ready." if known else f"No worker of {workers} is ready."
    )
    return _no(Reason.STARTING, told)


def _steady(facts: JobFacts, reason: Reason, subject: str, message: str) -> str:
    """Keep the stored words about the same worker.

    A kubelet alternates between ErrImagePull and ImagePullBackOff with every try; neither says more.
    """
    stored = condition(facts.job.progress, Type.PODS_READY.value)
    words = str(stored.get("message", ""))
    return words if stored.get("reason") == reason.value and words.startswith(f"{subject}:") else message


def _up(pod: PodFact | None) -> bool:
    """A worker that has done its part early counts as ready."""
    if pod is None or pod.terminating:
        return False
    return pod.phase is PodPhase.SUCCEEDED or (pod.phase is PodPhase.RUNNING and pod.ready)


def _named(facts: JobFacts, lagging: list[int], what: str) -> str:
    nodes = facts.current
    first = [f"{i} on {nodes[i].node}" if i in nodes else str(i) for i in lagging[:NAMED]]
    shown = listed(first, NAMED, count=len(lagging))
    return f"{len(lagging)} of {facts.job.workers} workers {what}: {shown}."


def _starting(workers: int) -> str:
    return f"{workers} workers are starting." if workers > 1 else "The worker is starting."


def _no(reason: Reason, message: str = "") -> Condition:
    return Condition.false(Type.PODS_READY, reason, message)


def silent_nodes(facts: JobFacts) -> tuple[str, ...]:
    """Say, for each node that is not ready, which pods it has not confirmed to have ended, and what would help."""
    names = sorted({pod.node for pod in facts.own if pod.terminating and facts.node_not_ready(pod.node)})
    return tuple(_silent(facts, name) for name in names)


def _silent(facts: JobFacts, name: str) -> str:
    leaving = [pod for pod in facts.own if pod.terminating and pod.node == name]
    pods = sorted(pod.name for pod in leaving)
    shown = listed(pods, NAMED)
    bounds = [at for pod in leaving if (at := facts.given_up_at(pod)) is not None]
    if not bounds:
        return (
            f"Node {name} is NotReady, but its kubelet reports: it is waited for until it confirms that {shown} ended. "
            "Sooner if the machine is certainly down and its Node object is deleted, or tainted "
            f"{OUT_OF_SERVICE_TAINT}."
        )
    bound = max(bounds)
    if bound <= facts.now:
        return (
            f"Node {name} is NotReady and can't confirm that {shown} ended: they are being removed by force."
        )
    return (
        f"Node {name} is NotReady and can't confirm that {shown} ended: they are waited for until {moment(bound)}, "
        "then removed by force. Sooner if the node is back; or, if the machine is certainly down, delete its Node "
        f"object or taint it {OUT_OF_SERVICE_TAINT}."
    )
