"""`crosstree topology`: the fabric of a pool as a tree, with what is free in every domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosstree.base.errors import NotFound
from crosstree.cli.access import talk
from crosstree.cli.options import Context, Format, Kubeconfig, NoColor, Output
from crosstree.cli.output import bar, console, emit, plain

if TYPE_CHECKING:
    from rich.tree import Tree

    from crosstree.adapters.client import Api
    from crosstree.core.room import Room

SHOWN = 12
"""Domains drawn inside one domain; the rest is summed up in a line. -o json has all of them."""


def topology(
    name: Annotated[
        str | None, typer.Argument(metavar="[POOL|CLUSTER]", help="Everything if not given.")
    ] = None,
    level: Annotated[
        str | None, typer.Option(help="Deepest level to draw; else the one above the nodes.")
    ] = None,
    shown: Annotated[int, typer.Option("--max", help="Domains drawn inside each domain.", min=1)] = SHOWN,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Draw the tree of fabric levels of each pool: used, free and unhealthy accelerators per domain."""
    pools = talk(kubeconfig, context, lambda api: _pools(api, name, level))
    if output is not Format.TABLE:
        emit([{**pool, "domains": plain(pool["domains"])} for pool in pools], output)
        return
    screen = console(no_color=no_color)
    for pool in pools:
        screen.print(_drawn(pool, shown))
        screen.print()
    if not pools:
        screen.print("No pool yet.")


async def _pools(api: Api, name: str | None, level: str | None) -> list[dict[str, Any]]:
    """Return each chosen pool with its domains, as values."""
    from crosstree.cli.live import chosen, loaded
    from crosstree.core.room import tree

    view = await loaded(api)
    found: list[dict[str, Any]] = []
    known: set[str] = set()
    for snapshot, names in chosen(view, name):
        for pool in snapshot.pools:
            levels = pool.fabric.level_names
            known.update(levels)
            if pool.name not in names or (level is not None and level not in levels):
                continue
            # Nodes are a level too, but thousands of leaves of a tree help nobody who did not ask for them.
            deepest = levels.index(level) if level is not None else max(len(levels) - 2, 0)
            found.append(
                {
                    "pool": pool.name, "cluster": snapshot.cluster, "model": pool.profile.id,
                    "levels": list(levels), "domains": tree(snapshot, pool, deepest=deepest),
                }
            )  # fmt: skip
    if level is not None and level not in known and known:
        raise NotFound(
            f"no level is called {level!r} here; there are: {', '.join(sorted(known))}.", status=404
        )
    return found


def _drawn(pool: dict[str, Any], shown: int) -> Tree:
    """Draw one pool; `domains` come each before what is inside it."""
    from rich.text import Text
    from rich.tree import Tree

    rooms: tuple[Room, ...] = pool["domains"]
    title = Text(f"{pool['pool']}", style="bold")
    title.append(f"  {pool['model']} in {pool['cluster']}, levels {' > '.join(pool['levels'])}", style="dim")
    root = Tree(title, guide_style="dim")
    open_: list[tuple[Tree, int, int]] = [(root, 0, 0)]  # branch, children so far, children not drawn
    for room in rooms:
        while len(open_) > room.depth + 1:
            _close(open_)
        if len(open_) < room.depth + 1:
            continue  # inside a domain that was not drawn
        branch, count, hidden = open_.pop()
        if count >= shown:
            open_.append((branch, count, hidden + 1))
            continue
        open_.append((branch, count + 1, hidden))
        open_.append((branch.add(_row(room)), 0, 0))
    while open_:
        _close(open_)
    return root


def _close(open_: list[tuple[Tree, int, int]]) -> None:
    """Leave the innermost branch, saying how many domains were not drawn in it."""
    branch, _, hidden = open_.pop()
    if hidden:
        branch.add(f"… and {hidden} more")


def _row(room: Room) -> Any:
    from rich.text import Text

    row = Text(f"{room.level} ", style="dim")
    row.append(room.name, style="default")
    if not room.labelled:
        row.append(" (no label)", style="yellow")
    row.append("  ")
    row.append_text(bar(room.allocated, room.free, room.unhealthy, cells=16))
    row.append(f"  {room.free} of {room.total} free, {room.nodes} node{'' if room.nodes == 1 else 's'}")
    if room.unhealthy:
        row.append(f", {room.unhealthy} unhealthy", style="red")
    return row
