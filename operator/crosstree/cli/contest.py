"""The course of `bench cluster`: prepare, let every side run every case in turn, count, and leave nothing behind."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crosstree.base.clock import monotonic
from crosstree.base.errors import SpecError, Unavailable
from crosstree.cli import ground
from crosstree.cli.access import OURS, connected, listed
from crosstree.cli.burst import Outcome, Seen, burst, cleared, created, watching
from crosstree.cli.burst_objects import Case, Shape, impossible_job, pod_groups, shape_of, training_jobs
from crosstree.cli.measure import Record, Value, report
from crosstree.cli.options import Format
from crosstree.cli.output import console
from crosstree.cli.write_count import counter

if TYPE_CHECKING:
    from crosstree.adapters.client import Api

IN_TREE = "in-tree"

MOST_WRITTEN = 8
"""What was written most is named in the record: that many kinds of writes."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What to run. `sides` are bindings of ours, or `in-tree`."""

    shape: Shape
    cases: tuple[Case, ...]
    sides: tuple[str, ...]
    rounds: int
    resource: str
    level_label: str | None
    cluster: str | None
    operator: bool
    audit_log: str | None


def run(
    contest: Contest, form: Format, *, kubeconfig: str | None, context: str | None, no_color: bool
) -> bool:
    """Run everything and report; False if some gang did not get its nodes."""
    records = asyncio.run(_run(contest, kubeconfig, context))
    report(records, form, title="Jobs on the cluster", no_color=no_color)
    return not any(record.metric == "pods_unbound" and record.value for record in records)


async def _run(contest: Contest, kubeconfig: str | None, context: str | None) -> list[Record]:
    records: list[Record] = []
    rates: dict[tuple[Case, str], list[float]] = {}
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(connected(kubeconfig, context))
        memory: Callable[[], int] | None = None
        if contest.operator:
            operator = await stack.enter_async_context(ground.operator(api, kubeconfig, context))
            memory = operator.peak_memory
        ours = any(side != IN_TREE for side in contest.sides)
        name = await stack.enter_async_context(ground.ai_cluster(api, contest.cluster)) if ours else ""
        async with ground.namespace(api) as namespace:
            labels = await _level_labels(api, contest, name)
            async with watching(api, namespace) as seen:
                for turn in range(contest.rounds):
                    for case in contest.cases:
                        for side in contest.sides:
                            shape = shape_of(case, contest.shape)
                            outcome = await _one(contest, api, seen, shape, side, name, namespace, labels[0])
                            rates.setdefault((case, side), []).append(outcome.bound / outcome.seconds)
                            records += _records(case, side, turn, shape, outcome, labels[1])
                            if not await cleared(api, seen, namespace):
                                raise Unavailable(
                                    f"pods of {namespace} are still there 120 s after their deletion"
                                )
                if ours:
                    records.append(await _impossible(contest, api, name, namespace))
            if memory is not None:
                records.append(
                    Record("S14", "operator_rss_peak", memory() / 2**20, "MiB", {"nodes": len(labels[1])})
                )
    return records + _ratios(rates)


async def _one(
    contest: Contest, api: Api, seen: Seen, shape: Shape, side: str, name: str, namespace: str, label: str
) -> Outcome:
    """Let one side run one case."""
    if side == IN_TREE:
        posts = pod_groups(shape, namespace=namespace, level_label=label, resource=contest.resource)
    else:
        await ground.bind(api, name, side)
        posts = training_jobs(shape, namespace=namespace, cluster=name, resource=contest.resource)
    with _progress(f"{side}: {shape.gangs} x {shape.workers}", shape.pods) as tick:
        return await burst(api, seen, posts, shape.pods, tick=tick, count=counter(api, contest.audit_log))


def _records(
    case: Case, side: str, turn: int, shape: Shape, outcome: Outcome, leaf: Mapping[str, str]
) -> Iterator[Record]:
    """Turn an outcome into figures."""
    conditions: dict[str, Value] = {
        "case": case.value, "side": side, "round": turn + 1, "nodes": len(leaf), "gangs": shape.gangs,
        "workers": shape.workers, "perWorker": shape.per_worker, "level": shape.level,
    }  # fmt: skip
    figure = "S3" if case is Case.GANGS else "S4"
    yield Record(figure, "all_bound", outcome.seconds, "s", conditions)
    yield Record(figure, "pods_bound", outcome.bound / outcome.seconds, "1/s", conditions)
    yield Record(figure, "submitted", outcome.submitted, "s", conditions)
    if outcome.bound < shape.pods:
        yield Record(figure, "pods_unbound", shape.pods - outcome.bound, "pods", conditions)
    if outcome.writes is not None:
        most = ", ".join(f"{what} {number}" for what, number in outcome.writes.most_common(MOST_WRITTEN))
        per_pod = outcome.writes.total() / max(outcome.bound, 1)
        yield Record("S15", "api_writes_per_pod", per_pod, "writes", {**conditions, "most": most})
    if shape.level:
        domains: dict[str, set[str]] = {}
        for pod, node in outcome.node.items():
            domains.setdefault(pod.split("-", 1)[0], set()).add(leaf.get(node, node))
        worst = max((len(found) for found in domains.values()), default=0)
        yield Record("S5", "domains_of_widest_gang", worst, shape.level, conditions)


def _ratios(rates: Mapping[tuple[Case, str], list[float]]) -> list[Record]:
    """Compare our median rate with that of kube-scheduler's own gangs, where both ran."""
    found: list[Record] = []
    for (case, side), ours in rates.items():
        theirs = rates.get((case, IN_TREE))
        if theirs and side != IN_TREE and (base := statistics.median(theirs)) > 0:
            conditions: dict[str, Value] = {"case": case.value, "side": side, "rounds": len(ours)}
            found.append(
                Record(
                    "S3" if case is Case.GANGS else "S4",
                    "rate_over_in_tree",
                    statistics.median(ours) / base,
                    "ratio",
                    conditions,
                )
            )
    return found


async def _impossible(contest: Contest, api: Api, name: str, namespace: str) -> Record:
    """S13: how long after its creation a job that can't run says so in its status."""
    job = "impossible"
    post = impossible_job(namespace=namespace, cluster=name, resource=contest.resource, name=job)
    begun = monotonic()
    await created(api, post)
    reason = ""
    while not reason and monotonic() - begun < ground.READY_WITHIN:
        status = (await api.get_json(f"{post.path}/{job}")).get("status", {})
        reason = (status.get("waiting") or {}).get("reason", "")
        if not reason:
            await asyncio.sleep(0.005)
    taken = monotonic() - begun
    await api.request("DELETE", f"{post.path}/{job}")
    return Record("S13", "explained_in_cluster", taken, "s", {"reason": reason or "none within the time"})


async def _level_labels(api: Api, contest: Contest, cluster: str) -> tuple[str, dict[str, str]]:
    """Find the node label of the level, and its value on every node that offers the resource."""
    nodes = [
        n
        for n in await listed(api, "/api/v1/nodes")
        if contest.resource in n["status"].get("allocatable", {})
    ]
    if not nodes:
        raise SpecError(f"no node offers {contest.resource}; name another with --resource.")
    label = contest.level_label
    if label is None and cluster:
        spec = (await api.get_json(f"{OURS}/aiclusters/{cluster}"))["spec"]
        declared = {one["name"]: one["nodeLabel"] for one in spec.get("fabric", {}).get("levels", ())}
        label = declared.get(contest.shape.level)
    if label is None:
        keys = {key for node in nodes for key in node["metadata"].get("labels", {})}
        label = next((key for key in sorted(keys) if key.rpartition("/")[2] == contest.shape.level), None)
    if label is None:
        if contest.shape.level:
            raise SpecError(
                f"no node label is known for level {contest.shape.level!r}; name it with --level-label."
            )
        label = ""
    values = {n["metadata"]["name"]: str(n["metadata"].get("labels", {}).get(label, "")) for n in nodes}
    return label, values


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr when it is a terminal; else say nothing."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as shown:
        task = shown.add_task(title, total=total)
        yield lambda done: shown.update(task, completed=done)
