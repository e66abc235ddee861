"""Options of `crosstree simulate --what-if`, which shares its verb with the replay of traces."""

from __future__ import annotations

from typing import Annotated

import typer

PANEL = "Ask before you act (--what-if)"

WhatIf = Annotated[
    bool,
    typer.Option(
        "--what-if",
        help="Ask what would happen on the live cluster, or on a --snapshot of it; nothing is written.",
        rich_help_panel=PANEL,
    ),
]
SnapshotFile = Annotated[
    str | None,
    typer.Option(
        "--snapshot", metavar="FILE", help="Start from a file of `crosstree snapshot`.", rich_help_panel=PANEL
    ),
]
JobFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--job", metavar="FILE", help="TrainingJobs to submit; several times.", rich_help_panel=PANEL
    ),
]
Drain = Annotated[
    list[str] | None,
    typer.Option("--drain", metavar="NODE", help="Node to drain; several times.", rich_help_panel=PANEL),
]
AddRack = Annotated[
    list[str] | None,
    typer.Option(
        "--add-rack",
        metavar="DOMAIN|N:MODEL",
        help="Rack to add: like a domain that there is, or N nodes of a model; several times.",
        rich_help_panel=PANEL,
    ),
]
QueueChanges = Annotated[
    list[str] | None,
    typer.Option(
        "--queue",
        metavar="NAME[:MODEL]=CHANGE",
        help="Quota to change: +64, limit=256, limit=none or guaranteed=64; or budget=+500, hours; several times.",
        rich_help_panel=PANEL,
    ),
]
Replay = Annotated[
    bool,
    typer.Option("--replay", help="Decide once on the snapshot and show the plan.", rich_help_panel=PANEL),
]
Horizon = Annotated[
    str,
    typer.Option(
        "--horizon", metavar="DURATION", help="How far to look ahead: 12h, 7d.", rich_help_panel=PANEL
    ),
]
OfCluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="NAME", help="Which AICluster, if there are several.", rich_help_panel=PANEL
    ),
]
