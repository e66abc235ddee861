"""Why an attempt can't go on: failed pods, lost nodes, lost devices, vanished pods.

The rules are those of Kubernetes' own pod failure policies, sharpened for gangs: one worker's failure makes
its peers fail, so the worker that ended first is the one to blame, and a fault of the hardware
seen now outweighs the exit codes it caused. Sources: KEP-3329 (DisruptionTarget), kubeflow training-operator
`IsRetryableExitCode`, JobSet failure policy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from crosstree.core.health import Action
from crosstree.core.lifecycle.facts import ENDED, JobFacts, condition, since, was_ready
from crosstree.core.lifecycle.moves import INFRASTRUCTURE, Cause, Finish, Recover
from crosstree.core.pods import NodeHealth, PodFact, PodPhase
from crosstree.core.snapshot import NodeState

UNSCHEDULABLE_SECONDS = 30.0
"""How long kube-scheduler may refuse a pinned pod before the gang is placed elsewhere."""

NOT_RUNNABLE = (126, 127)
"""Exit codes of a shell that found no such command, or may not run it."""

START_FAULTS = ("executable file not found", "no such file or directory", "permission denied")
"""What a container runtime says (StartError, ContainerCannotRun) when the command itself is at fault."""

LAST_WORDS = 300
"""Characters of a worker's last message that go into the status."""


def end_of_attempt(facts: JobFacts) -> Recover | Finish | None:
    """Return how this attempt ends, or None while it may go on. O(workers)."""
    return node_fault(facts) or _failed_worker(facts) or _stray(facts) or _unschedulable(facts)


def node_fault(facts: JobFacts) -> Recover | None:
    """The first node of the placement that is lost for good, or unwell for longer than the grace."""
    pods = facts.current
    placement = facts.job.progress.placement
    if placement is None:
        return None
    for share in placement.nodes:
        node = facts.node(share.name)
        tenants = [pods.get(index) for index in range(share.first, share.first + share.count)]
        if node is None or all(pod is not None and pod.phase is PodPhase.SUCCEEDED for pod in tenants):
            continue
        if cause := fault(node, facts.grace_of(node), facts.now):
            return Recover(cause, charged=False, message=_node_sentence(node, cause, tenants), node=node.name)
    return _device_fault(facts) or _restart_advised(facts)


def fault(node: NodeHealth, grace: float, now: float) -> Cause | None:
    """Return what is wrong with a node for longer than `grace` seconds; a gone node is wrong at once."""
    if not node.exists:
        return Cause.NODE_LOST
    if now - node.since < grace:
        return None
    return {NodeState.NOT_READY: Cause.NODE_NOT_READY, NodeState.UNHEALTHY: Cause.NODE_UNHEALTHY}.get(
        node.state
    )


def device_trouble(facts: JobFacts) -> tuple[str, str] | None:
    """Return (node, sentence) where allocated devices are missing or faulty right now, or None."""
    alive = [pod for pod in facts.current.values() if pod.phase not in ENDED]
    for pod in sorted(alive, key=lambda pod: pod.index):
        node = facts.node(pod.node)
        if pod.unhealthy_device:
            return pod.node, f"An accelerator of worker {pod.index} on node {pod.node} is reported Unhealthy."
        if node is None or not node.exists:
            continue
        if hit := sorted(pod.devices & node.drained):
            return (
                pod.node,
                f"{_listed(hit)} of worker {pod.index} on node {pod.node} {_told(node, hit)}.",
            )
        if node.overcommitted > 0 and not _elsewhere(pod, node):
            return (
                pod.node,
                f"Node {pod.node} lacks {node.overcommitted} of the accelerators its workers hold.",
            )
    return None


def _listed(devices: list[str]) -> str:
    return f"Accelerator {devices[0]}" if len(devices) == 1 else f"Accelerators {', '.join(devices)}"


def _told(node: NodeHealth, hit: list[str]) -> str:
    """Say what a producer says of these devices."""
    fault = next(one for one in node.faults if one.action is Action.DRAIN_DEVICE and hit[0] in one.devices)
    return f"must be given up ({fault.named})"


def _elsewhere(pod: PodFact, node: NodeHealth) -> bool:
    """Tell whether the devices that a node lacks are known, and known not to be this pod's."""
    return bool(pod.devices) and len(node.drained) >= node.overcommitted


def _restart_advised(facts: JobFacts) -> Recover | None:
    """A fault cured by a fresh process: once for each time it appears, for an attempt that was there before it."""
    placed = since(facts.job.progress, "Placed")
    if placed is None:
        return None
    for node in facts.nodes:
        for one in node.restarting:
            held = [pod for pod in facts.current.values() if pod.node == node.name and pod.phase not in ENDED]
            hit = [pod for pod in held if not (one.devices and pod.devices) or pod.devices & set(one.devices)]
            if hit and placed < one.since and facts.now >= one.due:
                text = f"Node {node.name} asks for a restart of worker {min(pod.index for pod in hit)}: {one.named}."
                return Recover(Cause.RESTART_ADVISED, charged=False, message=text, node=node.name)
    return None


def _device_fault(facts: JobFacts) -> Recover | None:
    # A restarted kubelet or device plugin shows no devices for some seconds, so a loss has to outlast the
    # grace. PodsReady got this reason when it began: that stored time is the clock, and survives us.
    trouble = device_trouble(facts)
    if trouble is None:
        return None
    progress = facts.job.progress
    node = facts.node(trouble[0])
    grace = facts.grace if node is None else facts.grace_of(node)
    began = since(progress, "PodsReady")
    noted = not was_ready(progress) or condition(progress, "PodsReady").get("reason") == "DeviceLost"
    if grace > 0 and (not noted or began is None or facts.now - began < grace):
        return None
    return Recover(Cause.DEVICE_LOST, charged=False, message=trouble[1], node=trouble[0])


def _failed_worker(facts: JobFacts) -> Recover | Finish | None:
    failed = [pod for pod in facts.current.values() if pod.phase is PodPhase.FAILED]
    disrupted = [
        pod for pod in facts.current.values() if pod.disrupted and pod.phase is not PodPhase.SUCCEEDED
    ]
    for pod in sorted([*disrupted, *failed], key=_first_to_end):
        if cause := _not_its_fault(facts, pod):
            return Recover(
                cause, charged=False, message=worker_sentence(pod, cause), node=pod.node, worker=pod.index
            )
    if not failed:
        return None
    for pod in sorted(failed, key=_first_to_end):
        if _not_runnable(pod):
            way_out = "Its command can't be run: correct image or command, then create the job again."
            sentence = worker_sentence(pod, Cause.WORKER_FAILED)
            return Finish(Cause.COMMAND_NOT_RUNNABLE, f"{sentence} {way_out}")
    # Seen only by who was not there when it happened: the first to end may have ended for want of another.
    if stray := _stray(facts, before=min(map(_first_to_end, failed))[0]):
        return stray
    killed = [pod for pod in failed if pod.exit is not None and pod.exit.reason == "OOMKilled"]
    blamed = min(killed or failed, key=_first_to_end)
    cause = Cause.OUT_OF_MEMORY if killed else Cause.WORKER_FAILED
    return _charge(facts, blamed, cause)


def _charge(facts: JobFacts, pod: PodFact, cause: Cause) -> Recover | Finish:
    """Restart at the job's expense, or end it when it has used up what it may."""
    job, sentence = facts.job, worker_sentence(pod, cause)
    if job.progress.restarts_charged >= job.max_restarts:
        return Finish(
            Cause.MAX_RESTARTS_EXCEEDED,
            f"{sentence} spec.restart.maxRestarts is {job.max_restarts} and all are used.",
        )
    seen = any(restart.reason == Cause.OUT_OF_MEMORY.value for restart in job.progress.restarts)
    if cause is Cause.OUT_OF_MEMORY and seen:
        way_out = "The same memory would not do a third time: raise the memory limit of the container."
        return Finish(Cause.OUT_OF_MEMORY, f"{sentence} {way_out}")
    return Recover(cause, charged=True, message=sentence, worker=pod.index)


def _stray(facts: JobFacts, before: float = math.inf) -> Recover | None:
    """A pod deleted behind our back, at that time or earlier. Before the gang was ever ready it is simply made again.

    When a pod that is gone was deleted nobody knows any more: it counts as the earliest.
    """
    if not was_ready(facts.job.progress):
        return None
    for leaving in _by_index(facts.current.values()):
        late = leaving.due - leaving.grace > before
        if late or not leaving.terminating or leaving.phase is PodPhase.SUCCEEDED:
            continue
        text = f"Pod {leaving.name} on node {leaving.node} is being deleted by somebody else."
        return Recover(Cause.POD_DELETED, charged=False, message=text, worker=leaving.index)
    if facts.missing:
        text = f"The pod of worker {facts.missing[0]} was deleted by somebody else."
        return Recover(Cause.POD_DELETED, charged=False, message=text, worker=facts.missing[0])
    return None


def _unschedulable(facts: JobFacts) -> Recover | None:
    placement = facts.job.progress.placement
    for pod in _by_index(facts.current.values()):
        if placement is None or not unbindable(pod) or facts.now - pod.stuck_since < UNSCHEDULABLE_SECONDS:
            continue
        node = placement.node_of(pod.index)
        text = f"kube-scheduler does not bind worker {pod.index} to node {node}: {_brief(pod.stuck)}"
        return Recover(Cause.POD_UNSCHEDULABLE, charged=False, message=text, node=node)
    return None


def unbindable(pod: PodFact) -> bool:
    """Tell whether kube-scheduler says that it can't bind this pod."""
    return not pod.node and not pod.terminating and pod.stuck.startswith("Unschedulable")


def worker_sentence(pod: PodFact, cause: Cause) -> str:
    """Say which worker ended, where and how, with its last words, or those of the kubelet that refused it."""
    who = f"Worker {pod.index} on node {pod.node or '(none)'}"
    if cause is Cause.DISRUPTED:
        who = f"{who} was disrupted"
    elif cause in INFRASTRUCTURE:
        who = f"{who} was hit by a fault of the node ({cause.value})"
    else:
        who = f"{who} failed"
    if pod.exit is None:
        why = (
            _brief(pod.stuck).rstrip(".") if pod.phase is PodPhase.FAILED else ""
        )  # a kubelet says why it refused it
        return f"{who}{f': {why}' if why else ''}."
    reason = f" ({pod.exit.reason})" if pod.exit.reason and pod.exit.reason != "Error" else ""
    words = _brief(pod.exit.message).rstrip(".")
    return f"{who}: exit code {pod.exit.code}{reason}{f': {words}' if words else ''}."


def _not_its_fault(facts: JobFacts, pod: PodFact) -> Cause | None:
    if pod.disrupted:
        return Cause.DISRUPTED
    node = facts.node(pod.node)
    if node is not None and (cause := fault(node, 0.0, facts.now)):
        return cause
    return (
        Cause.DEVICE_LOST if pod.unhealthy_device or (node is not None and node.overcommitted > 0) else None
    )


def _not_runnable(pod: PodFact) -> bool:
    if pod.exit is None:
        return False
    if pod.exit.code in NOT_RUNNABLE:
        return True
    could_not_start = pod.exit.reason in ("StartError", "ContainerCannotRun")
    return could_not_start and any(words in pod.exit.message for words in START_FAULTS)


def _first_to_end(pod: PodFact) -> tuple[float, int]:
    return (pod.exit.finished_at if pod.exit is not None else math.inf, pod.index)


def _by_index(pods: Iterable[PodFact]) -> list[PodFact]:
    return sorted(pods, key=lambda pod: pod.index)


def _node_sentence(node: NodeHealth, cause: Cause, tenants: list[PodFact | None]) -> str:
    held = ", ".join(str(pod.index) for pod in tenants if pod is not None)
    on_it = f"worker {held} ran there" if held else "workers were to run there"
    match cause:
        case Cause.NODE_LOST:
            return f"Node {node.name} is gone from the cluster; {on_it}."
        case Cause.NODE_NOT_READY:
            return f"Node {node.name} has been NotReady for longer than the grace period; {on_it}."
        case _:
            said = node.leaving.named if node.leaving else "a hardware fault"
            return (
                f"Node {node.name} has reported trouble for longer than the grace period ({said}); {on_it}."
            )


def _brief(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LAST_WORDS else words[: LAST_WORDS - 1] + "…"
