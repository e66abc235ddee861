"""What discovery found odd, as values: an admin reads the sentence in a condition of the AICluster."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from crosstree.base.words import listed

SHOWN = 5
"""Node names in a sentence; more would bury it."""


class OddityKind(Enum):
    """What is odd. A closed list."""

    NO_NODES = "NoNodes"
    CLAIMED_TWICE = "ClaimedTwice"
    MISSING_LABEL = "MissingLabel"
    LEVEL_ABSENT = "LevelAbsent"
    POOL_EMPTY = "PoolEmpty"
    POOL_OVERLAP = "PoolOverlap"


@dataclass(frozen=True, slots=True)
class Oddity:
    """One finding.

    Attributes:
        kind: What is odd.
        subject: What it is odd about: another cluster, a pool, a level with its label.
        count: Nodes it concerns.
        names: Those nodes in order of name, as many as were worth keeping.
        pool: Pool it concerns; empty if the whole cluster.
    """

    kind: OddityKind
    subject: str
    count: int
    names: tuple[str, ...] = ()
    pool: str = ""

    @property
    def concerns_fabric(self) -> bool:
        """True when the fabric is not as complete as it was declared."""
        return self.kind in (OddityKind.MISSING_LABEL, OddityKind.LEVEL_ABSENT)

    @property
    def message(self) -> str:
        """One sentence with the count, the first names and the way out; the same for the same finding."""
        match self.kind:
            case OddityKind.NO_NODES:
                return (
                    "No node belongs to this AICluster. Label nodes to match spec.nodeSelector, or see that device "
                    "plugins announce their resources."
                )
            case OddityKind.CLAIMED_TWICE:
                return (
                    f"{self.count} nodes already belong to the older AICluster {self.subject}: {self._names}. "
                    "Make the two spec.nodeSelector exclude each other."
                )
            case OddityKind.MISSING_LABEL:
                return (
                    f"{self.count} nodes of pool {self.pool} lack the label of level {self.subject}: {self._names}. "
                    "Each stands on its own there; label them, or take the level out of spec.fabric."
                )
            case OddityKind.LEVEL_ABSENT:
                return (
                    f"None of {self.count} nodes carries the label of level {self.subject}. "
                    "Label the nodes, or take the level out of spec.fabric."
                )
            case OddityKind.POOL_EMPTY:
                return (
                    f"AcceleratorPool {self.subject} matches no node of this AICluster. "
                    "See its nodeSelector, accelerator.model and accelerator.resourceName."
                )
            case OddityKind.POOL_OVERLAP:
                return (
                    f"{self.count} nodes that AcceleratorPool {self.subject} selects already belong to an older pool: "
                    f"{self._names}. Make the selectors exclude each other."
                )

    @property
    def _names(self) -> str:
        return listed(self.names, SHOWN, count=self.count)
