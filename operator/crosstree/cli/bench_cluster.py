"""`crosstree bench cluster`: TrainingJobs timed on a real cluster, beside kube-scheduler's own gangs if asked.

S3 many gangs, S4 one large gang and many small jobs, S13 a job that can't run, S15 writes per pod. Every
side gets the same gangs on the same nodes in the same run, one after another, each on an empty namespace.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from crosstree.cli.burst_objects import Case, Shape
from crosstree.cli.options import Choice, Context, Format, Kubeconfig, NoColor, Output


class Peer(Enum):
    """Who else runs the same gangs."""

    IN_TREE = "in-tree"


def cluster(
    gangs: Annotated[int, typer.Option(help="Gangs submitted at once.", min=1)] = 60,
    workers: Annotated[int, typer.Option(help="Workers of each gang.", min=1)] = 16,
    per_worker: Annotated[int, typer.Option(help="Accelerators of each worker.", min=1)] = 8,
    level: Annotated[str, typer.Option(help="Level each gang must fit in; empty for none.")] = "leaf",
    binding: Annotated[Choice, typer.Option(help="Who binds our pods.")] = Choice.BOTH,
    compare: Annotated[
        Peer | None, typer.Option(help="Also run the gangs as PodGroups of kube-scheduler.")
    ] = None,
    case: Annotated[
        list[Case] | None, typer.Option(help="What to submit; several times; else gangs.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Repetitions, sides alternating.", min=1)] = 1,
    operator: Annotated[
        bool, typer.Option("--operator", help="Start the operator here for the run.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--cluster", help="AICluster to use; else the only one, else made.")
    ] = None,
    resource: Annotated[str, typer.Option(help="Extended resource of the accelerators.")] = "nvidia.com/gpu",
    level_label: Annotated[
        str | None, typer.Option(help="Node label of the level; else the AICluster's, else Topograph's.")
    ] = None,
    audit_log: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Count writes in this audit log, not in the server's metrics."),
    ] = None,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Time gangs from the first create to the last pod with a node (S3, S4, S13, S15)."""
    from crosstree.cli.contest import Contest, run

    match binding:
        case Choice.BOTH:
            sides = [Choice.SCHEDULER.value, Choice.DIRECT.value]
        case one:
            sides = [one.value]
    if compare is not None:
        sides.append(compare.value)
    contest = Contest(
        shape=Shape(gangs, workers, per_worker, level),
        cases=tuple(case or (Case.GANGS,)),
        sides=tuple(sides),
        rounds=rounds,
        resource=resource,
        level_label=level_label,
        cluster=name,
        operator=operator,
        audit_log=audit_log,
    )
    if not run(contest, output, kubeconfig=kubeconfig, context=context, no_color=no_color):
        raise typer.Exit(1)
