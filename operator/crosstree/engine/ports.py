"""What the scheduling loop needs from a cluster. The real one is in `adapters/`, the simulated one in `sim/`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from crosstree.core.plan import Plan
from crosstree.core.snapshot import Snapshot


class ClusterPort(Protocol):
    """A cluster, seen by the loop."""

    def view(self) -> Sequence[Snapshot]:
        """Return one snapshot per AICluster, complete and consistent in itself."""
        ...

    def apply(self, plan: Plan) -> None:
        """Take over the decisions of one plan.

        From the return on, `view` counts every placement of the plan as used, whether or not its pods
        exist yet; a placement that could not be carried out is given back by the port.
        """
        ...
