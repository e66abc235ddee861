"""`crosstree snapshot`: what the scheduler sees now, as a file that replays in any process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from crosstree.cli.access import talk
from crosstree.cli.options import Context, Kubeconfig, NoColor
from crosstree.cli.output import console

if TYPE_CHECKING:
    from crosstree.adapters.client import Api
    from crosstree.core.record import Recording


def snapshot(
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where to; .gz packs it; - for stdout.")
    ],
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="NAME", help="Which AICluster, if there are several.")
    ] = None,
    anonymise: Annotated[
        bool,
        typer.Option("--anonymise", help="Replace names of nodes, namespaces, jobs and queues by numbers."),
    ] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Write everything the scheduler looks at into a file: a bug report, and what `simulate --what-if` starts from."""
    from crosstree.cli.recordings import save
    from crosstree.core.anonymous import anonymous

    recording = talk(kubeconfig, context, lambda api: _taken(api, cluster))
    save(anonymous(recording) if anonymise else recording, output)
    if output != "-":
        seen = recording.snapshot
        console(no_color=no_color, stderr=True).print(
            f"{output}: AICluster {seen.cluster}, {len(seen.names)} nodes, {len(seen.running)} running and "
            f"{len(seen.gangs)} waiting jobs, {len(seen.queues)} queues.",
            markup=False,
            soft_wrap=True,
        )


async def _taken(api: Api, cluster: str | None) -> Recording:
    from crosstree.cli.live import loaded
    from crosstree.cli.recordings import taken

    return taken(await loaded(api), cluster)
