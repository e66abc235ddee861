"""Bookings of JobQueues as `crosstree queues` tells them: what is booked, and when, as their status says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crosstree.cli.access import Json
from crosstree.cli.output import table

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("QUEUE", "BOOKING", "MODEL", "#ACCELERATORS", "STATE", "FROM", "TO", "EVERY", "UNTIL")


def bookings(raw: Json) -> list[Json]:
    """Return the bookings of a JobQueue, each with how it stands as far as the operator has said; by start."""
    seen = {one["name"]: one for one in raw.get("status", {}).get("calendar", ())}
    found = []
    for one in raw.get("spec", {}).get("calendar", ()):
        known = seen.get(one["name"], {})
        found.append(
            {
                "name": one["name"],
                "model": one["model"],
                "accelerators": one["accelerators"],
                "state": known.get("state", "Unknown"),
                "start": known.get("start", one["start"]),
                "end": known.get("end", ""),
                "every": one.get("every", ""),
                "until": one.get("until", ""),
            }
        )
    return sorted(found, key=lambda one: (one["start"], one["name"]))


def overbooked(raw: Json) -> str:
    """Return in which of its windows a JobQueue, with all others, is promised more than there is; empty if in none."""
    known: Json = next(
        (one for one in raw.get("status", {}).get("conditions", ()) if one["type"] == "BookingsFit"), {}
    )
    return str(known.get("message", "")) if known.get("status") == "False" else ""


def draw_bookings(screen: Console, rows: Sequence[Json]) -> None:
    """Draw what queues have booked, if anything is, and below it whose bookings can't be kept."""
    lines = [
        (
            row["name"] if at == 0 else "",
            one["name"],
            one["model"],
            one["accelerators"],
            one["state"],
            *(one[when].replace("T", " ").removesuffix(":00Z") for when in ("start", "end")),
            one["every"],
            one["until"].replace("T", " ").removesuffix(":00Z"),
        )
        for row in rows
        for at, one in enumerate(row["calendar"])
    ]
    if not lines:
        return
    screen.print()
    screen.print(table("", COLUMNS, lines))
    for row in rows:
        if row["overbooked"]:
            screen.print(f"{row['name']}: {row['overbooked']}", markup=False, style="yellow")
