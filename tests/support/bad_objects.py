"""The table of bad objects in tests/cluster/bad_objects: read once by the API server's tests and the offline ones."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "cluster" / "bad_objects"
Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One object, or one change of a stored object, that must be refused.

    Attributes:
        title: Kind and what is wrong.
        good: The good object it departs from.
        bad: The object itself.
        says: Part of the API server's answer.
        offline: Part of what the offline check says.
    """

    title: str
    good: Json
    bad: Json
    says: str
    offline: str


def bad_objects() -> list[Case]:
    """Return the objects refused at creation."""
    return [case for table in _tables() for case in _cases(table, "bad")]


def bad_updates() -> list[Case]:
    """Return the changes refused of an object that exists."""
    return [case for table in _tables() for case in _cases(table, "updates")]


def good_objects() -> list[Json]:
    """Return the good object of each kind."""
    return [table["good"] for table in _tables()]


def good_updates() -> list[tuple[Json, Json]]:
    """Return (before, after) of the changes that are allowed."""
    return [
        (table["good"], merged(table["good"], change))
        for table in _tables()
        for change in table["allowed_updates"]
    ]


def merged(target: Any, change: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396) and return the result; the arguments stay as they are."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return copy.deepcopy(result)


def _tables() -> list[Json]:
    return [yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))]


def _cases(table: Json, part: str) -> list[Case]:
    good = table["good"]
    return [
        Case(
            title=f"{good['kind']}: {row['name']}",
            good=good,
            bad=merged(good, row["change"]),
            says=row["says"],
            offline=row.get("offline", row["says"]),
        )
        for row in table[part]
    ]
