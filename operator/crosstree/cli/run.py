"""`crosstree run`: the operator, until it is told to stop."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from crosstree.cli.options import Context, Kubeconfig


def run(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Health and metrics; port 0 for none. Else 127.0.0.1:8080."),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
    workers: Annotated[int | None, typer.Option(help="Objects reconciled at once.")] = None,
    leader_elect: Annotated[
        bool | None,
        typer.Option("--leader-elect/--no-leader-elect", help="Be one of several replicas; one acts."),
    ] = None,
) -> None:
    """Run the operator here. What is not said by an option comes from CROSSTREE_ variables, then defaults."""
    from crosstree.app import run as operate
    from crosstree.settings import checked, environment

    options: dict[str, tuple[str, object]] = {
        "kubeconfig": ("--kubeconfig", kubeconfig),
        "context": ("--context", context),
        "log_format": ("--log-format", log_format),
        "log_level": ("--log-level", log_level.upper() if log_level else None),
        "workers": ("--workers", workers),
        "leader_election": ("--leader-elect", leader_elect),
    }
    if listen is not None:
        host, _, port = listen.rpartition(":")
        options["listen_port"] = ("the port of --listen", port)
        options["listen_address"] = ("the host of --listen", host.strip("[]") or None)
    given = {**environment(), **{name: pair for name, pair in options.items() if pair[1] is not None}}
    settings = checked(
        {name: value for name, (_, value) in given.items()},
        {name: source for name, (source, _) in given.items()},
    )
    asyncio.run(operate(settings))
