"""What is known of a well-known fabric: which node labels carry its levels, widest first.

The presets themselves are data of the catalog; which one a cluster uses is its AICluster's choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from crosstree.core.topology import LevelSpec

DOMAIN_LEVEL = "domain"
"""Name of the accelerator-domain level (NVLink rack, super pod), between the last switch and the node."""


@dataclass(frozen=True, slots=True)
class FabricPreset:
    """Labels that some producer writes on nodes.

    Attributes:
        levels: Widest first. A cluster has only those whose label at least one of its nodes carries.
        domain_labels: Labels that name the accelerator domain, best first; the first one found on a node
            is its domain. Whether they are there at all depends on the accelerator.
        source: Where the labels are documented.
    """

    levels: tuple[LevelSpec, ...]
    domain_labels: tuple[str, ...] = ()
    source: str = ""
