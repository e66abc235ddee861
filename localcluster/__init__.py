"""A real Kubernetes control plane with simulated nodes on one machine, for demo, tests and bench.

Knows nothing of the operator it serves. The command line is `python -m localcluster --help`.
"""

from localcluster.api import Api
from localcluster.build import ensure_built
from localcluster.cluster import Cluster
from localcluster.errors import ApiError, BuildError, FleetError, LocalClusterError, NotRunning, StartError
from localcluster.fleet import Fleet
from localcluster.nodes import create_nodes
from localcluster.realnode.plan import RealNode

__all__ = [
    "Api",
    "ApiError",
    "BuildError",
    "Cluster",
    "Fleet",
    "FleetError",
    "LocalClusterError",
    "NotRunning",
    "RealNode",
    "StartError",
    "create_nodes",
    "ensure_built",
]
