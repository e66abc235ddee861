"""`crosstree queues`: the tree of queues, and what each holds against its quotas, as their status says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from crosstree.base.errors import NotFound
from crosstree.cli.access import OURS, Json, listed, silent_since, talk
from crosstree.cli.calendar import bookings, draw_bookings, overbooked
from crosstree.cli.jobs import warn
from crosstree.cli.options import Context, Format, Kubeconfig, NoColor, Output
from crosstree.cli.output import console, emit, table

if TYPE_CHECKING:
    from rich.console import Console

    from crosstree.adapters.client import Api


BUDGET_COLUMNS = ("QUEUE", "MODEL", "#BUDGET", "#USED", "#LEFT", "SINCE", "NEXT", "AS OF")
"""Accelerator-hours of each budget in its present period."""


def queues(
    queue: Annotated[
        str | None, typer.Argument(help="JobQueue, with those below it; all if not given.")
    ] = None,
    output: Output = Format.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    no_color: NoColor = False,
) -> None:
    """Show who may have how much, who holds it, and who waits: the tree of queues with quotas, shares and budgets."""
    facts = talk(kubeconfig, context, lambda api: _facts(api, queue))
    if output is not Format.TABLE:
        emit(facts, output)
        return
    screen = console(no_color=no_color)
    warn(screen, facts["operatorSilentSince"])
    draw(screen, facts["queues"])


async def _facts(api: Api, only: str | None) -> Json:
    """Gather what the answer consists of; the same for tables and programs."""
    rows = in_tree([queue_facts(one) for one in await listed(api, f"{OURS}/jobqueues")])
    if only is not None:
        names = [row["name"] for row in rows]
        if only not in names:
            raise NotFound(
                f"no JobQueue {only!r}; there are: {', '.join(sorted(names)) or 'none'}.", status=404
            )
        rows = list(_branch(rows, only))
    return {"queues": rows, "operatorSilentSince": await silent_since(api)}


def queue_facts(raw: Json) -> Json:
    """Pick the parts of a JobQueue that answer the question."""
    spec, seen = raw.get("spec", {}), raw.get("status", {})
    ready: Json = next((one for one in seen.get("conditions", ()) if one["type"] == "Ready"), {})
    return {
        "name": raw["metadata"]["name"],
        "parent": spec.get("parent", ""),
        "cluster": spec.get("cluster", ""),
        "weight": spec.get("weight", 1),
        "usage": seen.get("usage", []),
        "fairShare": seen.get("fairShare", 0),
        "running": seen.get("running", 0),
        "waiting": seen.get("waiting", 0),
        "budgets": seen.get("budgets", []),
        "ready": ready.get("status", "Unknown"),
        "reason": ready.get("reason", ""),
        "message": ready.get("message", ""),
        "calendar": bookings(raw),
        "overbooked": overbooked(raw),
    }


def in_tree(rows: Sequence[Json]) -> list[Json]:
    """Sort queues so that each stands below its parent, siblings by name, with its depth; wrong parents count not."""
    from crosstree.core.queues import QueueSpec
    from crosstree.core.queuetree import tree_of

    tree = tree_of(QueueSpec(row["name"], row["parent"]) for row in rows)
    way = {row["name"]: tree.chain(row["name"])[::-1] for row in rows}
    return [
        {**row, "depth": len(way[row["name"]]) - 1} for row in sorted(rows, key=lambda one: way[one["name"]])
    ]


def _branch(rows: Sequence[Json], top: str) -> Iterator[Json]:
    """Yield a queue and those below it, of rows in the order of the tree."""
    start = next(at for at, row in enumerate(rows) if row["name"] == top)
    yield rows[start]
    for row in rows[start + 1 :]:
        if row["depth"] <= rows[start]["depth"]:
            return
        yield row


def draw(screen: Console, rows: Sequence[Json]) -> None:
    """Draw the tree, a line per queue and model; what is wrong with a queue stands below the table."""
    if not rows:
        screen.print("No JobQueue yet: the operator makes the queue `default`.")
        return
    columns = (
        "QUEUE",
        "MODEL",
        "#GUARANTEED",
        "#HELD",
        "#BORROWED",
        "#LIMIT",
        "#WEIGHT",
        "#SHARE",
        "#RUNNING",
        "#WAITING",
    )
    top = rows[0]["depth"]
    screen.print(table("", columns, [line for row in rows for line in _lines(row, row["depth"] - top)]))
    draw_bookings(screen, rows)
    if budgets := [line for row in rows for line in _budget_lines(row)]:
        screen.print()
        screen.print(table("", BUDGET_COLUMNS, budgets))
    wrong = [row for row in rows if row["ready"] == "False" or row["reason"] == "ModelUnknown"]
    for row in wrong:
        screen.print(f"{row['name']}: {row['message']}", markup=False, style="yellow")


def _lines(row: Json, depth: int) -> Iterator[tuple[object, ...]]:
    """Yield the lines of one queue: the first names it, further ones have its further models."""
    name = f"{'  ' * (depth - 1)}└ {row['name']}" if depth else row["name"]
    whole = (f"{row['weight']:g}", f"{row['fairShare']:.3f}", row["running"], row["waiting"])
    for at, used in enumerate(row["usage"] or [{}]):
        models = (
            used.get("model", ""),
            used.get("guaranteed", "") or "",
            used.get("allocated", ""),
            used.get("borrowed", "") or "",
            used.get("limit", ""),
        )
        yield (name if at == 0 else "", *models, *(whole if at == 0 else ("", "", "", "")))


def _budget_lines(row: Json) -> Iterator[tuple[object, ...]]:
    """Yield a line per budget of a queue: of how many hours how many are used, in which period, counted until when."""
    for at, one in enumerate(row["budgets"]):
        hours, used = one["hours"], one["usedHours"]
        yield (
            row["name"] if at == 0 else "",
            one["model"],
            f"{hours:.10g}",
            f"{used:.10g}",
            f"{max(hours - used, 0):.10g}",
            _minute(one["periodStart"]),
            _minute(one["periodEnd"]) if "periodEnd" in one else "none",
            _minute(one["until"]),
        )


def _minute(moment: str) -> str:
    """Shorten a time of the API to what people read."""
    return f"{moment[:10]} {moment[11:16]}"
