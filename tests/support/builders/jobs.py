"""Jobs, their pods and their nodes: `a_job(workers=4)`, `a_pod(0)`, `placed(...)`, `facts(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crosstree.core.job import Job, Progress
from crosstree.core.lifecycle import JobFacts, Move, Recover, StorePlacement, next_move
from crosstree.core.plan import NodeShare, Place, Span
from crosstree.core.pods import Exit, NodeHealth, PodFact, PodPhase
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Gang
from crosstree.status import job as job_status
from crosstree.translate.stored import progress

UID = "uid-train"
KEY = "ml/train"
MODEL = "nvidia-h100-sxm"
GPU = "nvidia.com/gpu"
T0 = 1_700_000_000.0


def a_job(
    workers: int = 2, *, devices: int = 8, status: Mapping[str, Any] | None = None, **changes: Any
) -> Job:
    """Describe a TrainingJob created at T0 - 60, with a stored status if one is given."""
    uid = str(changes.pop("uid", UID))
    gang = changes.pop("gang", None) or Gang(KEY, uid, workers, devices, created=T0 - 60, preferred="leaf")
    template = changes.pop("template", {"spec": {"containers": [{"name": "trainer", "image": "train:1"}]}})
    job = Job(
        key=KEY,
        namespace="ml",
        name="train",
        uid=uid,
        generation=1,
        resource_version="1",
        created=T0 - 60,
        cluster="east",
        queue="default",
        priority_class="",
        framework="pytorch",
        gang=gang,
        template=template,
        progress=progress(dict(status)) if status else Progress(),
    )
    return replace(job, **changes)


def a_place(workers: int = 2, uid: str = UID, nodes: Sequence[str] = ()) -> Place:
    """Decide a placement of one worker per node: n0, n1, ..."""
    names = list(nodes) or [f"n{index}" for index in range(workers)]
    shares = tuple(NodeShare(name, index, 1) for index, name in enumerate(names))
    return Place(
        KEY, uid, "east-h100", MODEL, GPU, shares, (Span("leaf", 1, 1), Span("node", workers, workers))
    )


def after_move(facts: JobFacts, move: Move) -> Job:
    """Return the job as it is stored once a move has been recorded."""
    status = job_status.build(facts, move)
    return replace(facts.job, progress=progress(status))


def moved(facts: JobFacts) -> Job:
    """Return the job as it is stored once what is next for it has been recorded."""
    return after_move(facts, next_move(facts))


def outcome(move: Move) -> tuple[str, bool, str]:
    """Return why a gang has to start again, whether at the expense of its job, and on account of which node."""
    assert isinstance(move, Recover), move
    return move.cause.value, move.charged, move.node


def placed(workers: int = 2, *, at: float = T0, **changes: Any) -> Job:
    """Describe a job whose placement has just been stored."""
    job = a_job(workers, **changes)
    facts = JobFacts(job, decision=a_place(workers, job.uid), now=at)
    move = next_move(facts)
    assert isinstance(move, StorePlacement), move
    return after_move(facts, move)


def running(workers: int = 2, *, at: float = T0 + 10, **changes: Any) -> Job:
    """Describe a job whose gang has been ready since `at`."""
    facts = JobFacts(placed(workers, **changes), pods=pods(workers), nodes=nodes(workers), now=at)
    return moved(facts)


def a_pod(index: int, *, phase: PodPhase = PodPhase.RUNNING, **changes: Any) -> PodFact:
    """Describe one pod of attempt 1; ready while it runs."""
    pod = PodFact(
        name=f"train-worker-{index}",
        uid=f"pod-{index}",
        job_uid=UID,
        index=index,
        attempt=1,
        phase=phase,
        node=f"n{index}",
        ready=phase is PodPhase.RUNNING,
        created=T0,
    )
    return replace(pod, **changes)


def failed(
    index: int, code: int = 1, *, at: float = T0 + 50, reason: str = "Error", **changes: Any
) -> PodFact:
    """Describe a pod whose trainer exited."""
    message = str(changes.pop("message", ""))
    return a_pod(index, phase=PodPhase.FAILED, exit=Exit(code, reason, message, at), **changes)


def pods(workers: int = 2, **changes: Any) -> tuple[PodFact, ...]:
    """Describe the pods of a whole gang."""
    return tuple(a_pod(index, **changes) for index in range(workers))


def a_node(
    index: int, state: NodeState = NodeState.USABLE, *, since: float = T0 - 1000, **changes: Any
) -> NodeHealth:
    """Describe the node of worker `index`."""
    return replace(NodeHealth(f"n{index}", exists=True, state=state, since=since), **changes)


def nodes(workers: int = 2) -> tuple[NodeHealth, ...]:
    """Describe healthy nodes of a whole gang."""
    return tuple(a_node(index) for index in range(workers))


def facts(job: Job, some: Sequence[PodFact] = (), *, at: float = T0 + 60, **changes: Any) -> JobFacts:
    """Put a job, its pods and healthy nodes together."""
    made = JobFacts(job, tuple(some), nodes=nodes(job.gang.workers), now=at)
    return replace(made, **changes)
