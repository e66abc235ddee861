"""Node inventories and fabrics from CSV: `node, accelerator_model, num_accelerators, leaf, spine, core`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crosstree.base.errors import SpecError
from crosstree.sim.inventory import NodeFact
from crosstree.sim.traces.table import rows

NEEDED = ("node", "num_accelerators")


def nodes(path: Path) -> tuple[NodeFact, ...]:
    """Read the nodes of a file.

    Raises:
        SpecError: the file, a line or a cell of it is not as described above.
    """
    found = []
    seen: dict[str, int] = {}
    for row in rows(path, NEEDED):
        name = row.text("node")
        if not name or name in seen:
            raise row.bad("node", name, "a name that no other line has")
        seen[name] = row.line
        found.append(
            NodeFact(
                name=name,
                model=row.text("accelerator_model"),
                devices=row.whole("num_accelerators", least=1),
                leaf=row.text("leaf"),
                spine=row.text("spine"),
                core=row.text("core"),
            )
        )
    if not found:
        raise SpecError(f"{path} lists no node; give at least one line below the header.")
    return tuple(found)


def tiled(facts: Sequence[NodeFact], copies: int) -> tuple[NodeFact, ...]:
    """Return the nodes `copies` times; every copy is a fabric of its own below one more core."""
    if copies == 1:
        return tuple(facts)
    return tuple(
        replace(
            fact,
            name=f"c{copy}-{fact.name}",
            leaf=f"c{copy}-{fact.leaf}" if fact.leaf else "",
            spine=f"c{copy}-{fact.spine}" if fact.spine else "",
            core=f"c{copy}-{fact.core}" if fact.core else "",
        )
        for copy in range(copies)
        for fact in facts
    )


def on_fabric(facts: Sequence[NodeFact], fabric: Sequence[NodeFact]) -> tuple[NodeFact, ...]:
    """Return the nodes at the places of another inventory's, in order of its fabric, tiled as often as it takes."""
    places = tiled(fabric, -(-len(facts) // len(fabric)))
    ordered = sorted(places, key=lambda place: (place.core, place.spine, place.leaf, place.name))
    return tuple(
        replace(fact, leaf=place.leaf, spine=place.spine, core=place.core)
        for fact, place in zip(facts, ordered, strict=False)
    )
