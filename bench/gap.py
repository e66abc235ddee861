"""S5: how far the packer is from the exact optimum, for one gang alone and for several on one fabric.

The fabrics are small and irregular, made from a seed, empty to nine tenths full, with nodes of one to eight slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.optimum import Gang, fewest_domains, fewest_in_all
from crosstree.cli.measure import Record
from crosstree.core.arrays import Int64
from crosstree.core.placement.need import Need, Packed
from crosstree.core.placement.pack import pack
from crosstree.core.synthetic import hashed
from crosstree.core.topology import Fabric, LevelSpec, build

LEVELS = ("spine", "leaf")
SIZES = (2, 3, 5, 8, 13, 21, 34, 55)
FILLS = (0.0, 0.5, 0.9)
SLOTS = (1, 1, 2, 8)
PREFERRED: tuple[int | None, ...] = (None, 0, 1)
TOGETHER = 4
"""Gangs placed on one fabric, one after the other by the packer, at once by the solver."""


@dataclass(frozen=True, slots=True)
class Case:
    """A fabric with what its nodes hold, and the gangs to place there."""

    fabric: Fabric
    slots: Int64
    fill: float
    gangs: tuple[Gang, ...]


def case(seed: int) -> Case:
    """Make a fabric of at most 200 nodes and the gangs for it; equal seeds give equal cases."""
    draw = iter(hashed(2_000, seed).tolist())

    def pick(few: int, many: int) -> int:
        return few + int(next(draw) % (many - few + 1))

    names: list[str] = []
    spine: list[str] = []
    leaf: list[str] = []
    for s in range(pick(2, 4)):
        for one in range(pick(3, 6)):
            for _ in range(pick(5, 8)):
                names.append(f"n{len(names):03d}")
                spine.append(f"s{s}")
                leaf.append(f"s{s}l{one}")
    _, fabric = build(names, [LevelSpec(level, level) for level in LEVELS], [spine, leaf])
    fill, most = FILLS[seed % len(FILLS)], SLOTS[pick(0, len(SLOTS) - 1)]
    slots = np.array([0 if pick(0, 99) < 100 * fill else pick(1, most) for _ in names], np.int64)
    preferred = PREFERRED[pick(0, 2)]
    gangs: list[Gang] = []
    left = int(slots.sum())
    for _ in range(TOGETHER):
        fitting = [size for size in SIZES if size <= left]
        if fitting:
            gangs.append(Gang(fitting[pick(0, len(fitting) - 1)], preferred))
            left -= gangs[-1].workers
    return Case(fabric, slots, fill, tuple(gangs))


def packed(fabric: Fabric, slots: Int64, gang: Gang) -> Int64:
    """Place one gang with the packer: workers per node, int64 (n,). It fits by its making."""
    found = pack(fabric, slots, Need(gang.workers, preferred=gang.preferred))
    assert isinstance(found, Packed), f"{gang.workers} workers on {int(slots.sum())} slots without demands"
    return found.counts


def used(fabric: Fabric, counts: Int64) -> tuple[int, ...]:
    """Count the domains of each level that hold a worker, widest level first."""
    return tuple(len(np.unique(level.domain[counts > 0])) for level in fabric.levels)


def alone(seeds: Sequence[int]) -> Iterator[tuple[Case, Gang, tuple[int, ...], tuple[int, ...]]]:
    """Place the first gang of each case alone: yield what the packer uses and the optimum, per level."""
    for seed in seeds:
        made = case(seed)
        for gang in made.gangs[:1]:
            best = fewest_domains(made.fabric, made.slots, gang)
            assert best is not None, f"seed {seed}: the packer places what the solver can't"
            yield made, gang, used(made.fabric, packed(made.fabric, made.slots, gang)), best


def together(seeds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Place all gangs of each case, largest first: yield leaves used by the packer, and by the joint optimum."""
    depth = LEVELS.index("leaf")
    for seed in seeds:
        made = case(seed)
        slots, ours = made.slots, 0
        for gang in sorted(made.gangs, key=lambda one: -one.workers):
            counts = packed(made.fabric, slots, gang)
            ours += used(made.fabric, counts)[depth]
            slots = slots - counts
        best = fewest_in_all(made.fabric, made.slots, made.gangs, depth)
        assert best is not None, f"seed {seed}: the packer places what the solver can't"
        yield ours, best


def measure(cases: int, joint: int) -> Iterator[Record]:
    """S5: sums of domains over many cases, as a ratio to the optimum."""
    ours, best = np.zeros(len(LEVELS) + 1), np.zeros(len(LEVELS) + 1)
    for _, _, got, least in alone(range(cases)):
        ours += got
        best += least
    for depth, level in enumerate((*LEVELS, "node")):
        yield Record(
            "S5", "domains_over_exact", ours[depth] / best[depth], "ratio", {"level": level, "gangs": cases}
        )
    pairs = list(together(range(joint)))
    ratio = sum(got for got, _ in pairs) / sum(least for _, least in pairs)
    yield Record(
        "S5",
        "domains_over_joint_exact",
        ratio,
        "ratio",
        {"level": "leaf", "fabrics": joint, "gangs": TOGETHER},
    )
