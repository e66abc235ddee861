"""Real Kubernetes nodes on one machine: kubelet, containerd and runc in namespaces of their own.

Every node is a process tree that ends with the cluster's supervisor. What is shared, a bridge and control groups, is
removed by `cleanup`, which the supervisor runs at its end, and the next start if the supervisor was killed.
"""

from localcluster.realnode.plan import RealNode
from localcluster.realnode.requirements import missing

__all__ = ["RealNode", "missing"]
