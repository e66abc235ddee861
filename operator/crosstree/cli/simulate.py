"""`crosstree simulate`: replay a trace on the production loop, with nodes and time simulated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstree.cli.options import Context, Format, Kubeconfig, Namespace, NoColor, Output
from crosstree.cli.simulate_options import Hints, Request, speeds
from crosstree.cli.simulate_rules import check, given
from crosstree.cli.what_if_options import (
    AddRack,
    Drain,
    Horizon,
    JobFiles,
    OfCluster,
    QueueChanges,
    Replay,
    SnapshotFile,
    WhatIf,
)
from crosstree.sim.policy_names import PolicyName

if TYPE_CHECKING:
    from rich.console import Console

    from crosstree.sim.replay import Outcome, Scenario
    from crosstree.sim.summary import SizeClass, Summary


def simulate(
    called: typer.Context,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Jobs: CSV, Helios cluster_log.csv or Philly cluster_job_log; .gz too."
        ),
    ] = None,
    nodes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Nodes: CSV of node, accelerator_model, num_accelerators, …"),
    ] = None,
    policy: Annotated[
        list[PolicyName] | None, typer.Option(help="Who decides; several times to compare.")
    ] = None,
    fabric: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put the nodes at the places of this inventory's nodes."),
    ] = None,
    queues: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Guarantees: CSV of queue, num_nodes, max_run_time.")
    ] = None,
    load: Annotated[
        float | None,
        typer.Option(
            help="Stretch times of submission until the jobs replayed offer this load; 0.9 is busy.", min=0.01
        ),
    ] = None,
    copies: Annotated[
        int,
        typer.Option(
            help="Lay the trace over itself, each copy a day later; tile the nodes as often.", min=1
        ),
    ] = 1,
    tiles: Annotated[
        int | None, typer.Option(help="Copies of the nodes, if not as many as of the trace.", min=1)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Only the first jobs that can run on these nodes.", min=1)
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(help="Stop after so many days of the replay, counted after --load.", min=0.001),
    ] = None,
    speed: Annotated[
        list[str] | None, typer.Option(metavar="MODEL=X", help="Work per second of a model; 1 if not named.")
    ] = None,
    hints: Annotated[Hints, typer.Option(help="What owners say of durations.")] = Hints.EXACT,
    failures: Annotated[
        float, typer.Option(help="Node faults per 1,000 node-days; Meta's RSC-1 had 6.5, RSC-2 2.3.", min=0)
    ] = 0.0,
    repair: Annotated[float, typer.Option(help="Mean hours until a node is back.", min=0.01)] = 4.0,
    seed: Annotated[int, typer.Option(help="Chooses the faults.", min=0)] = 1,
    window: Annotated[
        float, typer.Option(help="Seconds within which events lead to one decision.", min=0)
    ] = 1.0,
    checkpoint: Annotated[float, typer.Option(help="Minutes between checkpoints.", min=0)] = 30.0,
    restart: Annotated[
        float, typer.Option(help="Seconds until a job that starts again goes on.", min=0)
    ] = 60.0,
    grace: Annotated[float, typer.Option(help="Seconds a job has to stop.", min=0)] = 30.0,
    saves: Annotated[bool, typer.Option(help="Jobs save their work when told to stop.")] = False,
    prefer: Annotated[
        str | None,
        typer.Option(
            help="Level that gangs prefer to stay in; empty for none; else leaf, where there is one."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write job table, summary and picture there.")
    ] = None,
    what_if: WhatIf = False,
    snapshot: SnapshotFile = None,
    cluster: OfCluster = None,
    job: JobFiles = None,
    drain: Drain = None,
    add_rack: AddRack = None,
    queue: QueueChanges = None,
    replay: Replay = False,
    horizon: Horizon = "7d",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Output = Format.TABLE,
    no_color: NoColor = False,
) -> None:
    """Replay a trace of jobs on simulated nodes, or ask what would happen on a cluster that is there (--what-if).

    Both are decided by the very code that runs in the operator. Exit code 2 if a file is bad, or no job of the trace
    can run on the nodes; 1 if a job that is asked about does not start within the horizon.
    """
    check(given(called), called.params)
    if what_if:
        from crosstree.cli.what_if import Asked, run

        asked = Asked(
            jobs=tuple(job or ()), drain=tuple(drain or ()), add=tuple(add_rack or ()), queues=tuple(queue or ()),
            horizon=horizon, namespace=namespace or "default",
        )  # fmt: skip
        code = run(
            asked,
            snapshot=snapshot, cluster=cluster, replay=replay, output=output, kubeconfig=kubeconfig, context=context,
            no_color=no_color,
        )  # fmt: skip
        raise typer.Exit(code)
    if trace is None or nodes is None:
        raise typer.BadParameter("give --trace FILE and --nodes FILE, or --what-if.")
    request = Request(
        trace, nodes, fabric, queues, load, copies, tiles or copies, jobs, days, speeds(speed or ()), hints,
        failures, repair, seed, window, checkpoint, restart, grace, saves, prefer,
    )  # fmt: skip
    screen = console_for(no_color=no_color)
    found: list[Any] = []
    scenario = request.scenario()
    for name in policy or (PolicyName.PRODUCTION,):
        summary = _one(name, scenario, screen, out)
        found.append(summary)
    _say(found, output, no_color=no_color)


def console_for(*, no_color: bool) -> Console:
    """Return the console for progress: stderr, so that stdout is the answer alone."""
    from crosstree.cli.output import console

    return console(no_color=no_color, stderr=True)


def _one(name: PolicyName, scenario: Scenario, screen: Console, out: Path | None) -> Summary:
    """Replay under one policy, with a bar on a terminal, and write its files."""
    from crosstree.cli.output import plain
    from crosstree.sim.policies import contender
    from crosstree.sim.replay import Replay
    from crosstree.sim.results import write
    from crosstree.sim.summary import summarise

    chosen = contender(name)
    replay = Replay(chosen.scenario(scenario), chosen.cycle())
    outcome = _watched(replay, name.value, screen)
    summary = summarise(name.value, outcome)
    if out is not None:
        for path in write(out, outcome, plain(summary), name=name.value):
            screen.print(f"written: {path}")
    return summary


def _watched(replay: Any, name: str, screen: Console) -> Outcome:
    """Run a replay behind a progress bar: jobs done of all jobs."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    total = len(replay.scenario.jobs)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(), TimeRemainingColumn(), console=screen, disable=not screen.is_terminal, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task(name, total=total, state="")

        def watch(progress: Any) -> None:
            if progress.steps % 64 == 0:
                state = f"day {progress.now / 86_400:.1f}, {progress.waiting} waiting"
                bar.update(task, completed=progress.over, state=state)

        outcome: Outcome = replay.run(watch)
    return outcome


def _say(found: list[Summary], output: Format, *, no_color: bool) -> None:
    from crosstree.cli.output import console, emit, plain, table

    if output is not Format.TABLE:
        values = [plain(summary) for summary in found]
        emit(values[0] if len(values) == 1 else values, output)
        return
    screen = console(no_color=no_color)
    first = found[0]
    left = ", ".join(f"{count:,} {why}" for why, count in first.leftOut.items())
    load = "no load: all submitted at once" if first.load is None else f"load {first.load:.2f}"
    screen.print(
        f"{first.jobs:,} jobs{f' (left out: {left})' if left else ''} on {first.nodes:,} nodes with "
        f"{first.accelerators:,} accelerators, {load}"
    )
    screen.print(
        table(
            "",
            ("POLICY", "#DONE", "#USED", "#USED WHILE ASKED", "#WAIT", "#p99", "#JCT", "#p99", "#LARGEST WAIT", "#p99",
             "#PREEMPTED", "#LOST HOURS", "#TOOK"),
            [_row(summary) for summary in found],
        )
    )  # fmt: skip
    for one in found:
        if one.exceeded:
            runs = "run" if one.exceeded == 1 else "runs"
            screen.print(f"{one.policy}: {one.exceeded:,} {runs} ended at the max_run_time of the queue.")
    if len(found) == 1:
        rows = [_class(one) for one in first.bySize]
        columns = ("ACCELERATORS", "#JOBS", "#WAIT", "#p50", "#p99", "#JCT", "#p50", "#p99")
        screen.print()
        screen.print(table("By size of gang", columns, rows))
        known = first.prediction
        if known.jobs:
            screen.print(
                f"\nExpected start told to {known.jobs:,} jobs: off by {_time(known.error.mean)} on average, "
                f"{_time(known.error.p50)} at the median, {_time(known.error.p99)} at p99."
            )


def _row(one: Summary) -> tuple[str, ...]:
    return (
        one.policy, f"{one.finished:,}", f"{one.utilisationWhileSubmitted:.1%}",
        f"{one.allocationWhileDemandWaits:.1%}", _time(one.wait.mean), _time(one.wait.p99), _time(one.jct.mean),
        _time(one.jct.p99), _time(one.largest.wait.mean), _time(one.largest.wait.p99), f"{one.preemptions:,}",
        f"{one.lostAcceleratorHours:,.0f}", f"{one.wallSeconds:.1f}s",
    )  # fmt: skip


def _class(one: SizeClass) -> tuple[str, ...]:
    return (
        one.accelerators, f"{one.jobs:,}", _time(one.wait.mean), _time(one.wait.p50), _time(one.wait.p99),
        _time(one.jct.mean), _time(one.jct.p50), _time(one.jct.p99),
    )  # fmt: skip


def _time(seconds: float) -> str:
    from crosstree.cli.output import ago

    return ago(seconds)
