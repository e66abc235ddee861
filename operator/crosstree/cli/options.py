"""Options that several verbs share, so that they read and behave the same everywhere."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Format(Enum):
    """How a verb answers."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class Choice(Enum):
    """Which binding a bench uses."""

    SCHEDULER = "Scheduler"
    DIRECT = "Direct"
    BOTH = "both"


Output = Annotated[
    Format, typer.Option("-o", "--output", help="A table for people, json or yaml for programs.")
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig", metavar="FILE", help="Access to the cluster; else KUBECONFIG, else ~/.kube/config."
    ),
]
Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="Context of the kubeconfig.")]
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", metavar="NAME", help="Namespace to look in.")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colour; also by NO_COLOR, and when piped.")]
