"""Which labels describe the fabric of a pool: declared levels, or the preset that its nodes carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crosstree.core.accelerator import Profile
from crosstree.core.cluster import Cluster, Preset
from crosstree.core.fabrics import DOMAIN_LEVEL, FabricPreset
from crosstree.core.oddities import SHOWN, Oddity, OddityKind
from crosstree.core.topology import LevelSpec

Labels = Sequence[Mapping[str, str]]


def choose_levels(
    cluster: Cluster, profile: Profile, labels: Labels, fabrics: Mapping[Preset, FabricPreset]
) -> tuple[LevelSpec, ...]:
    """Return the levels of a pool, widest first, without the node level.

    A level that no node of the pool carries is left out: its pool has a smaller fabric, which is not an error
    where fabrics differ side by side.
    """
    preset = fabrics.get(choose_preset(cluster, labels, fabrics), FabricPreset(()))
    declared = cluster.levels or preset.levels
    levels = [level for level in declared if _carried(level.label, labels)]
    candidates = (cluster.domain_label, profile.slice_label, *preset.domain_labels, *profile.domain_labels)
    domain = next((label for label in candidates if label and _carried(label, labels)), "")
    if domain and all(level.label != domain and level.name != DOMAIN_LEVEL for level in levels):
        levels.append(LevelSpec(DOMAIN_LEVEL, domain))
    return tuple(levels)


def choose_preset(cluster: Cluster, labels: Labels, fabrics: Mapping[Preset, FabricPreset]) -> Preset:
    """Return the preset in force for a pool: the named one, else the first of which some node carries a label.

    The catalog's order counts: what measures the network, then what a provider says, zones last.
    """
    if cluster.levels:
        return Preset.NONE
    if cluster.preset is not Preset.AUTO:
        return cluster.preset
    for preset, known in fabrics.items():
        if any(_carried(level.label, labels) for level in known.levels):
            return preset
    return Preset.NONE


def missing_labels(
    pool: str, levels: Sequence[LevelSpec], names: Sequence[str], labels: Labels
) -> list[Oddity]:
    """Report, level by level, nodes of a pool that lack a label which others of it carry.

    The domain level is optional for a node: it may simply have no such link.
    """
    oddities = []
    for level in levels:
        if level.name == DOMAIN_LEVEL:
            continue
        without = [name for name, own in zip(names, labels, strict=True) if not own.get(level.label)]
        if without:
            subject = f"{level.name} ({level.label})"
            oddities.append(
                Oddity(OddityKind.MISSING_LABEL, subject, len(without), tuple(without[:SHOWN]), pool)
            )
    return oddities


def _carried(label: str, labels: Labels) -> bool:
    return any(own.get(label) for own in labels)
