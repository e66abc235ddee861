"""`python -m bench VERB`: one verb for each bench that only developers run."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

import typer

from bench.breaks import Break
from crosstree.base.errors import CrosstreeError
from crosstree.cli.measure import Record, report
from crosstree.cli.options import Format, Kubeconfig, NoColor, Output
from localcluster.errors import LocalClusterError

app = typer.Typer(
    help="Benches that break things or stand in for an API server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def recovery(
    workers: Annotated[int, typer.Option(help="Workers of the gang.", min=2)] = 128,
    per_worker: Annotated[int, typer.Option(help="Accelerators of each.", min=1)] = 8,
    repeats: Annotated[int, typer.Option(help="Breaks of each kind.", min=1)] = 5,
    binding: Annotated[
        list[str] | None, typer.Option(help="Scheduler, Direct; several times; else both.")
    ] = None,
    how: Annotated[
        list[Break] | None, typer.Option("--break", help="Which; several times; else all.")
    ] = None,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    no_color: NoColor = False,
) -> None:
    """S10: break a running gang on simulated nodes and time what follows."""
    from bench.recovery import Plan, measure

    plan = Plan(workers, per_worker, repeats, binding or ("Scheduler", "Direct"), how or tuple(Break))
    _report(measure(plan, _path(kubeconfig)), output, "Recovery of a gang", no_color=no_color)


@app.command()
def gap(
    cases: Annotated[int, typer.Option(help="Gangs placed alone.", min=1)] = 300,
    joint: Annotated[int, typer.Option(help="Fabrics on which several are placed together.", min=1)] = 30,
    output: Output = Format.TABLE,
    no_color: NoColor = False,
) -> None:
    """S5: hold the packer against an exact solver on small fabrics."""
    from bench.gap import measure

    report(measure(cases, joint), output, title="Domains over the exact optimum", no_color=no_color)


@app.command()
def start(
    nodes: Annotated[int, typer.Option(help="Nodes of 8 accelerators.", min=16)] = 12_500,
    pods: Annotated[int, typer.Option(help="Pods, those of gangs included.", min=1)] = 100_000,
    gangs: Annotated[int, typer.Option(help="Running gangs.", min=0)] = 1_000,
    repeats: Annotated[int, typer.Option(help="Starts.", min=1)] = 1,
    output: Output = Format.TABLE,
    no_color: NoColor = False,
) -> None:
    """S14: start an operator on recorded lists and time it until its first decision."""
    from bench.recorded import Size
    from bench.start import measure

    _report(measure(Size(nodes, pods, gangs), repeats), output, "Start on a large cluster", no_color=no_color)


@app.command()
def standing(
    audit_log: Annotated[
        Path, typer.Option(metavar="FILE", help="Of the API server, which was started with --audit.")
    ],
    gangs: Annotated[int, typer.Option(help="Gangs that run.", min=1)] = 60,
    workers: Annotated[int, typer.Option(help="Workers of each.", min=1)] = 16,
    others: Annotated[int, typer.Option(help="Pods of others, bound and idle.", min=0)] = 0,
    idle: Annotated[float, typer.Option(help="Seconds to count writes for.", min=1)] = 60.0,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    no_color: NoColor = False,
) -> None:
    """S14 and S15 on a real API server: an idle minute, and an operator that comes back to what runs."""
    from bench.standing import Plan, measure
    from crosstree.cli.burst_objects import Shape

    plan = Plan(Shape(gangs, workers, 8, "leaf"), others, idle, audit_log)
    _report(measure(plan, _path(kubeconfig)), output, "An operator with little to do", no_color=no_color)


@app.command()
def queues(
    audit_log: Annotated[
        Path, typer.Option(metavar="FILE", help="Of the API server, which was started with --audit.")
    ],
    waiting: Annotated[int, typer.Option(help="Jobs that wait.", min=1)] = 2000,
    count: Annotated[int, typer.Option("--queues", help="JobQueues they wait in.", min=1)] = 50,
    gangs: Annotated[int, typer.Option(help="Gangs of four workers that fill the fleet.", min=1)] = 250,
    idle: Annotated[float, typer.Option(help="Seconds in which nothing happens.", min=1)] = 60.0,
    churn: Annotated[int, typer.Option(help="Gangs that end while the others wait.", min=0)] = 20,
    pace: Annotated[float, typer.Option(help="Seconds between two of these.", min=0.1)] = 2.0,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    no_color: NoColor = False,
) -> None:
    """Q1 on a real API server: how long cycles take, and what is written, while thousands of jobs wait."""
    from bench.queues import Plan, measure

    plan = Plan(waiting, count, gangs, idle, churn, pace, audit_log)
    _report(measure(plan, _path(kubeconfig)), output, "Thousands of jobs that wait", no_color=no_color)


@app.command()
def restart(
    audit_log: Annotated[
        Path, typer.Option(metavar="FILE", help="Of the API server, which was started with --audit.")
    ],
    gangs: Annotated[int, typer.Option(help="Gangs that run, of one worker.", min=1)] = 1000,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    no_color: NoColor = False,
) -> None:
    """S14 and S15 with many gangs: an operator comes back, decides on what came meanwhile and changes nothing else."""
    from bench.standing import Plan, measure
    from crosstree.cli.burst_objects import Shape

    plan = Plan(Shape(gangs, 1, 4, ""), 0, 10.0, audit_log)
    _report(measure(plan, _path(kubeconfig)), output, "A restart with many gangs", no_color=no_color)


@app.command()
def handover(
    repeats: Annotated[int, typer.Option(help="Leaders ended in each way.", min=1)] = 3,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    no_color: NoColor = False,
) -> None:
    """HA: end the leader of two replicas and time the first decision of the other."""
    from bench.handover import measure

    _report(measure(repeats, _path(kubeconfig)), output, "Hand-over of the lead", no_color=no_color)


@app.command()
def simulate(
    only: Annotated[
        list[str] | None, typer.Option(help="S6, S8, S9 or SIM; several times; else all.")
    ] = None,
    trace: Annotated[list[str] | None, typer.Option(help="Of S8: helios, philly; else both.")] = None,
    load: Annotated[list[float] | None, typer.Option(help="Of S8; else 0.7, 0.9 and 1.1.")] = None,
    hints: Annotated[list[str] | None, typer.Option(help="Of S8: exact, x2, /2, absent; else all.")] = None,
    jobs: Annotated[int | None, typer.Option(help="First jobs of Philly; else all.", min=100)] = None,
    days: Annotated[float, typer.Option(help="Of the large fleet; 0 for none.", min=0)] = 7.0,
    nodes: Annotated[int, typer.Option(help="Of the large fleet, 8 accelerators each.", min=133)] = 12_500,
    output: Output = Format.TABLE,
    no_color: NoColor = False,
) -> None:
    """S6, S8, S9 and the speed of the simulator, on the recorded traces."""
    from bench import simulate as bench

    wanted = {name.upper() for name in only or ("SIM", "S6", "S8", "S9")}

    def records() -> Iterator[Record]:
        if "SIM" in wanted:
            yield from bench.speed(days, nodes)
        if "S6" in wanted:
            yield from bench.idle_while_asked(jobs)
        if "S8" in wanted:
            yield from bench.waits(
                trace or ["helios", "philly"],
                load or [0.7, 0.9, 1.1],
                hints or ["exact", "x2", "/2", "absent"],
                jobs,
            )
        if "S9" in wanted:
            yield from bench.fairness()

    report(records(), output, title="Replays of recorded traces", no_color=no_color)


@app.command()
def invariants(
    operations: Annotated[int, typer.Option(help="Operations in all.", min=1)] = 1_000_000,
    seed: Annotated[int, typer.Option(help="The first cluster; the others follow.", min=0)] = 1,
    output: Output = Format.TABLE,
    no_color: NoColor = False,
) -> None:
    """S16: do anything to small simulated clusters, and count what must never happen."""
    from bench.invariants import measure

    _report(measure(operations, seed), output, "What must never happen", no_color=no_color)


@app.command()
def tables(
    figures: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines of `simulate`.")],
    write: Annotated[bool, typer.Option("--write", help="Into docs/explanation/simulator.md.")] = False,
) -> None:
    """Write figures of replays as Markdown tables."""
    from bench import tables as pages
    from bench.bars import taken

    text = pages.pages(taken(figures.read_text()))
    if write:
        pages.write(text)
    else:
        typer.echo(text, nl=False)


@app.command()
def verdict(
    figures: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines that benches have written.")],
    no_color: NoColor = False,
) -> None:
    """Hold figures against their bars, in one table. A figure that was not taken is named, too."""
    from bench.bars import judged, rows, taken
    from crosstree.cli.output import console, table

    found = judged(taken(figures.read_text()))
    console(no_color=no_color).print(
        table("Figures and bars", ("ID", "FIGURE", "#WORST", "BAR", "VERDICT", "OF"), rows(found))
    )


@app.command()
def replay(
    port: Annotated[int, typer.Option(help="TCP port on the loopback.", min=1, max=65535)],
    nodes: Annotated[int, typer.Option(min=16)] = 12_500,
    pods: Annotated[int, typer.Option(min=1)] = 100_000,
    gangs: Annotated[int, typer.Option(min=0)] = 1_000,
) -> None:
    """Serve recorded lists until stdin closes; says so on stdout once it listens."""
    from bench.recorded import Size
    from bench.replay import main

    asyncio.run(main(Size(nodes, pods, gangs), port))


def _report(records: AsyncIterator[Record], output: Format, title: str, *, no_color: bool) -> None:
    """Report everything that was measured, even if the last part of it failed; for programs as it comes."""
    found: list[Record] = []

    async def collect() -> None:
        async for record in records:
            found.append(record)
            if output is not Format.TABLE:
                report([record], output, title=title)

    try:
        asyncio.run(collect())
    finally:
        if output is Format.TABLE:
            report(found, output, title=title, no_color=no_color)


def _path(kubeconfig: str | None) -> Path:
    return Path(kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")


if __name__ == "__main__":
    try:
        app()
    except (CrosstreeError, LocalClusterError) as error:
        sys.exit(f"bench: {error}")
