"""The catalog as a page for people: a table per vendor. `docs/reference/catalog.md` is made from it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import assert_never

from crosstree.catalog.lookup import Catalog
from crosstree.catalog.rows import Row
from crosstree.core.accelerator import Cross, IntraNode, Rule

_HEAD = """# Accelerator catalog

Every kind of accelerator that Crosstree recognises, made from `operator/crosstree/catalog/data/`. The id is
what a TrainingJob names under `accelerators.models`. Rows are asked in this order and the first that fits a
node wins; a vendor's rows for nodes whose labels don't tell come last. Anything else is declared in the
AICluster, under `accelerators`.

Memory is per device; "?" is unknown or varies. "Together" says whether devices can be used by one pod or
gang; slices and time-shared devices can't. An asterisk marks a row with a fact that the vendor's own text
does not confirm.
"""
_COLUMNS = ("Id", "Name", "Resources", "GiB", "Per node", "Devices per pod", "Together", "Source")


def markdown(catalog: Catalog) -> str:
    """Return the page, ending in a newline. Equal catalogs give equal text."""
    parts = [_HEAD]
    for vendor, rows in groupby(catalog.rows, key=lambda row: row.profile.vendor):
        parts.append(f"## {vendor}\n\n" + "\n".join(_table(rows)) + "\n")
    return "\n".join([*parts, _health(catalog)])


def _table(rows: Iterable[Row]) -> list[str]:
    lines = [_line(_COLUMNS), _line("---" for _ in _COLUMNS)]
    return lines + [_line(_cells(row)) for row in rows]


def _cells(row: Row) -> tuple[str, ...]:
    chip = row.profile
    return (
        f"`{chip.id}`" + ("\\*" if row.estimated else ""),
        chip.title,
        "<br>".join(f"`{name}`" for name in row.names),
        str(chip.memory_gib or "?"),
        str(chip.devices_per_node or "?"),
        _wiring(chip.intra),
        "yes" if chip.gang else "no",
        row.source,
    )


def _wiring(intra: IntraNode) -> str:
    """Say the intra-node rule in words."""
    counts = ", ".join(str(count) for count in intra.legal) or "any"
    match intra.rule:
        case Rule.FULL_NODE:
            return "all of the node"
        case Rule.GROUPS:
            across = "never across" if intra.cross is Cross.FORBID else "across only if it must"
            return f"{counts}; islands of {intra.size}, {across}"
        case Rule.MIRRORED:
            return f"{counts}; two rings of {intra.size}, the same positions of both"
        case Rule.NONE:
            return f"{counts}; no link between devices"
        case Rule.ALL_TO_ALL:
            return counts
        case _:
            assert_never(intra.rule)


def _health(catalog: Catalog) -> str:
    lines = [_line(("Condition", "Faulty when", "Set by")), _line(("---", "---", "---"))]
    lines += [_line((f"`{one.rule.condition}`", one.rule.status, one.producer)) for one in catalog.health]
    return "## Node conditions that mean a fault\n\n" + "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
