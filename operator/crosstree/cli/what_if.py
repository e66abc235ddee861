"""`crosstree simulate --what-if`: ask before you submit, drain, buy, or change a quota.

Takes the cluster as it is, or a file of `crosstree snapshot`, changes a copy, and lets the production loop live both
forward. Nothing is written to the cluster.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from crosstree.base.errors import SettingsError, SpecError
from crosstree.cli.options import Format
from crosstree.cli.what_if_changes import funding, grant, rack, seconds

if TYPE_CHECKING:
    from crosstree.adapters.client import Api
    from crosstree.core.cluster import Queue
    from crosstree.core.job import Job
    from crosstree.core.record import Recording
    from crosstree.core.workload import Gang, NodeConstraint
    from crosstree.sim.what_if import Answer

MANY = 500
"""Waiting jobs from which on what happens within a minute leads to one step."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, as on the command line.

    Attributes:
        jobs: Files with TrainingJobs to submit.
        drain: Nodes to drain.
        add: Racks to add: the name of a domain to copy, or `N:MODEL`.
        queues: Changes of quotas and budgets: `NAME[:MODEL]=+N`, `=limit=N|none`, `=guaranteed=N`, `=budget=+N|N|none`.
        horizon: How far to look ahead, a duration.
        namespace: Of jobs whose file names none.
    """

    jobs: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    horizon: str = "7d"
    namespace: str = "default"


async def live(api: Api, cluster: str | None) -> Recording:
    """Record a live cluster as the operator would see it now."""
    from crosstree.cli.live import loaded
    from crosstree.cli.recordings import taken

    return taken(await loaded(api), cluster)


def answer(recording: Recording, asked: Asked, watch: Callable[[float], None] | None = None) -> Answer:
    """Answer what would happen.

    Raises:
        SettingsError: a file, a name or a change makes no sense; the text says which and what would do.
    """
    from crosstree.core.edits import drained, granted, with_gang, with_nodes, with_rack_like
    from crosstree.core.funding import funded
    from crosstree.core.record import complete
    from crosstree.sim.what_if import what_if

    before, horizon = complete(recording).snapshot, seconds(asked.horizon)
    try:
        after, keys = before, []
        for gang in gangs(recording, asked):
            after = with_gang(after, gang, _admitted(recording, gang))
            keys.append(gang.key)
        before = replace(before, gangs=tuple(gang for gang in before.gangs if gang.key not in keys))
        for each in asked.add:
            nodes = rack(each)
            after = with_rack_like(after, each) if nodes is None else with_nodes(after, *nodes)
        for change in asked.queues:
            budget = funding(change)
            after = granted(after, grant(change)) if budget is None else funded(after, budget)
        if asked.drain:
            after = drained(after, asked.drain)
    except SpecError as error:
        raise SettingsError(str(error)) from error
    return what_if(
        before,
        after,
        recording.policy,
        recording.now,
        asked=keys,
        horizon=horizon,
        window=60.0 if len(after.gangs) > MANY else 0.0,
        watch=watch,
    )


def gangs(recording: Recording, asked: Asked) -> list[Gang]:
    """Read the jobs of the files, as the operator would admit them.

    Raises:
        SettingsError: there is none in the files, or one is suspended or would not be admitted.
    """
    from crosstree.adapters.requests import PODS
    from crosstree.core.admission import admit
    from crosstree.core.cluster import Cluster
    from crosstree.core.plan import Wait
    from crosstree.core.runbound import expected_in

    name = recording.snapshot.cluster
    clusters = {name: Cluster(name, "", 0, "", 0.0)}
    known = {*(queue.name for queue in recording.snapshot.queues), "default"}
    known |= {gang.queue for gang in recording.snapshot.gangs}
    queues = {one: _queue(one, recording) for one in sorted(known)}
    found: dict[str, Gang] = {}
    for job in _jobs(asked):
        if job.suspend:
            raise SettingsError(
                f"TrainingJob {job.key}: spec.suspend is true, so it would not start; "
                "set it to false to ask when it would."
            )
        gang = admit(job, clusters, queues, recording.priorities, recording.namespaces)
        if isinstance(gang, Wait):
            raise SettingsError(f"TrainingJob {job.key}: {gang.message}")
        if job.key in found:
            raise SettingsError(f"TrainingJob {job.key} is in the files twice; give each a name of its own.")
        requests = gang.requests
        if all(resource != PODS for resource, _ in requests):
            requests = tuple(sorted((*requests, (PODS, 1))))
        found[job.key] = replace(
            gang,
            uid=f"what-if:{job.key}",
            created=recording.now + len(found) / 1000,
            requests=requests,
            expected=expected_in(queues, job),
        )
    return list(found.values())


def _queue(name: str, recording: Recording) -> Queue:
    """Return a queue as far as jobs are admitted and expected by it; one the snapshot does not know takes any job."""
    from crosstree.core.cluster import Admission, Queue
    from crosstree.core.queues import QueueSpec

    takes = recording.admissions.get(name, Admission())
    spec = next((one for one in recording.snapshot.queues if one.name == name), QueueSpec(name))
    return Queue(
        name, "", 0, "", 0.0, parent=spec.parent, max_run_time=spec.max_run_time,
        namespaces=takes.namespaces, priority=takes.priority, max_priority=takes.max_priority,
        lessons=recording.lessons.get(name, ()),
    )  # fmt: skip


def _jobs(asked: Asked) -> list[Job]:
    from crosstree import translate
    from crosstree.api.v1alpha1.validate import check
    from crosstree.cli.validate import documents

    jobs = []
    for source, raw in documents(list(asked.jobs), "--job"):
        if raw.get("kind") != "TrainingJob":
            continue
        raw.setdefault("metadata", {}).setdefault("namespace", asked.namespace)
        raw["metadata"].setdefault("name", raw["metadata"].get("generateName", "job-") + "x")
        problems = [problem.message for problem in check([raw])]
        if problems:
            raise SettingsError(f"{source}: {problems[0]}")
        try:
            jobs.append(translate.job(raw))
        except SpecError as error:
            raise SettingsError(f"{source}: {error}") from error
    if asked.jobs and not jobs:
        raise SettingsError(
            f"--job: there is no TrainingJob in {', '.join(asked.jobs)}; name a file that holds an object with "
            "kind: TrainingJob, as for kubectl apply."
        )
    return jobs


def _admitted(recording: Recording, gang: Gang) -> list[tuple[NodeConstraint, Any]]:
    """Return which nodes each demand of a gang admits.

    Raises:
        SettingsError: the snapshot does not say what labels its nodes have.
    """
    found = []
    for constraint in {gang.demands(pool.resource): None for pool in recording.snapshot.pools}:
        mask = recording.admits(constraint)
        if mask is None:
            raise SettingsError(
                f"{gang.key} selects nodes by label, and the snapshot is without labels (--anonymise); "
                "take one with its names, or ask for a job without selector and affinity."
            )
        found.append((constraint, mask))
    return found


def run(
    asked: Asked,
    *,
    snapshot: str | None,
    cluster: str | None,
    replay: bool,
    output: Format,
    kubeconfig: str | None,
    context: str | None,
    no_color: bool,
) -> int:
    """Answer on the terminal, and return the exit code: 0 starts, or nothing was asked to start; 1 does not.

    Args:
        asked: The question.
        snapshot: File to start from; None for the live cluster.
        cluster: Which AICluster of a live one.
        replay: Only decide once on the snapshot, and show the plan.
        output: For whom.
        kubeconfig: Of the live cluster.
        context: In it.
        no_color: Draw without.

    Raises:
        SettingsError: the question makes no sense.
    """
    from crosstree.cli.access import talk
    from crosstree.cli.output import console, emit
    from crosstree.cli.recordings import opened
    from crosstree.cli.what_if_told import draw, draw_plan, told
    from crosstree.core.cycle import run_cycle
    from crosstree.core.plan import Plan
    from crosstree.core.values import plain

    recording = opened(snapshot) if snapshot else talk(kubeconfig, context, lambda api: live(api, cluster))
    if replay:
        plan = run_cycle(recording.snapshot, recording.policy, recording.now)
        if output is Format.TABLE:
            draw_plan(console(no_color=no_color), plan)
        else:
            emit(plain(plan, Plan), output)
        return 0
    if not (asked.jobs or asked.drain or asked.add or asked.queues):
        raise SettingsError(
            "--what-if asks nothing; give --job FILE, --drain NODE, --add-rack LEAF or --queue NAME=+64, "
            "or --replay for the plan of the snapshot itself."
        )
    with watched(2 * seconds(asked.horizon)) as watch:
        found = answer(recording, asked, watch)
    if output is Format.TABLE:
        draw(console(no_color=no_color), found)
    else:
        emit(told(found), output)
    return 0 if found.yes else 1


@contextmanager
def watched(whole: float) -> Iterator[Callable[[float], None] | None]:
    """Show how far it is on stderr, if that is a terminal; a short answer shows nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress

    from crosstree.cli.output import console

    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("living both forward", total=whole)
        yield lambda done: bar.update(task, completed=done)
