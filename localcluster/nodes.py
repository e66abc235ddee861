"""Make, list, scale and await simulated nodes, on any cluster that runs kwok."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from localcluster.api import Api, Json
from localcluster.errors import ApiError, StartError
from localcluster.progress import Reporter, Silent

SIMULATED = "kwok.x-k8s.io/node"  # annotation of every simulated node; kwok's own default goes by it
MANAGED = "type"  # label by which our kwok knows the nodes it has to play: "kwok"
AT_ONCE = 24
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def create_nodes(api: Api, nodes: Sequence[Json], reporter: Reporter | None = None) -> int:
    """Create nodes, many requests at a time. One that exists already is left as it is.

    Args:
        api: Any cluster; for the nodes to come alive, kwok must run there; it finds them by the annotation
            `kwok.x-k8s.io/node=fake` or the label `type=kwok`.
        nodes: Node manifests with status, as `Fleet.nodes` gives them.
        reporter: Told how many are done.

    Returns:
        How many were new.

    Raises:
        ApiError: the API server refused one; those before it exist.
    """
    reporter = reporter or Silent()

    def create(node: Json) -> bool:
        try:
            api.post("/api/v1/nodes", node)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return False
        return True

    made = 0
    for done, new in enumerate(api.each(create, nodes, at_once=AT_ONCE), 1):
        made += new
        reporter.count(done, len(nodes))
    return made


def delete_nodes(api: Api, names: Sequence[str]) -> None:
    """Delete nodes, many at a time; the pod garbage collector then removes their pods."""
    for _ in api.each(lambda name: _delete(api, f"/api/v1/nodes/{name}"), names, at_once=AT_ONCE):
        pass


def _delete(api: Api, path: str) -> None:
    """Delete an object that may be gone already."""
    try:
        api.delete(path)
    except ApiError as error:
        if error.status != 404:
            raise


def simulated_nodes(api: Api) -> list[Json]:
    """List the nodes that carry kwok's annotation, failed ones too."""
    return [n for n in api.get("/api/v1/nodes")["items"] if SIMULATED in n["metadata"].get("annotations", {})]


def scale(api: Api, wanted: Sequence[Json], reporter: Reporter | None = None) -> tuple[int, int]:
    """Make the simulated nodes exactly the wanted ones, by name.

    Returns:
        How many were created and how many deleted.
    """
    names = {node["metadata"]["name"] for node in wanted}
    surplus = [n["metadata"]["name"] for n in simulated_nodes(api) if n["metadata"]["name"] not in names]
    delete_nodes(api, surplus)
    return create_nodes(api, wanted, reporter), len(surplus)


def ready(node: Json) -> bool:
    """Tell whether a node is Ready and rid of the taints it was born with."""
    conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", ())}
    taints = {taint["key"] for taint in node.get("spec", {}).get("taints", ())}
    return conditions.get("Ready") == "True" and "node.kubernetes.io/not-ready" not in taints


def wait_ready(api: Api, count: int, within: float = 60.0, reporter: Reporter | None = None) -> None:
    """Wait until at least `count` simulated nodes are ready for pods.

    Raises:
        StartError: they are not in time; says how many are.
    """
    reporter = reporter or Silent()
    reached = 0

    def enough() -> bool:
        nonlocal reached
        reached = sum(map(ready, simulated_nodes(api)))
        reporter.count(reached, count)
        return reached >= count

    if not eventually(enough, within, pause=0.5):
        raise StartError(
            f"only {reached} of {count} simulated nodes are Ready and untainted after {within:.0f} s"
        )


def wait_played(api: Api, count: int, within: float = 60.0) -> None:
    """Wait until kwok has taken hold of so many nodes: until then pods bound to them do not start.

    Raises:
        StartError: it has not in time.
    """

    def enough() -> bool:
        found = api.get(f"{LEASES}?limit=1")
        return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0)) >= count

    if not eventually(enough, within, pause=0.1):
        raise StartError(f"kwok has not taken hold of all {count} simulated nodes after {within:.0f} s")


def wait_taken_over(api: Api, since: datetime, within: float = 60.0) -> None:
    """Wait until a kwok that was started again holds every node it has to play.

    A request that the killed process had sent may still be carried out after its end; the lease it leaves belongs to
    nobody, and the new process would wait until it runs out. So leases that are older than the start are given up. They
    are not deleted: kwok watches from resource version 0, whatever its list said, and never learns of what was deleted
    between the two; it would hold the lease for alive for as long as it said.

    Args:
        api: The cluster.
        since: When the new process was started.
        within: Seconds to wait.

    Raises:
        StartError: it does not hold all of them in time.
    """

    def waits() -> set[str]:
        found = api.get(f"/api/v1/nodes?labelSelector={MANAGED}%3Dkwok")["items"]
        played = {node["metadata"]["name"] for node in found}
        for lease in api.get(LEASES)["items"]:
            name, renewed = lease["metadata"]["name"], lease["spec"].get("renewTime")
            if renewed and datetime.fromisoformat(renewed) >= since:
                played.discard(name)
            elif name in played and lease["spec"].get("holderIdentity"):
                _give_up(api, lease)
        return played

    if not eventually(lambda: not waits(), within, pause=0.1):
        missing = waits()
        raise StartError(
            f"{within:.0f} s after it was started again, kwok has not taken hold of {len(missing)} nodes: "
            f"{', '.join(sorted(missing)[:3])} …"
        )


def _give_up(api: Api, lease: Json) -> None:
    """Take a lease from its holder, unless somebody has written it meanwhile."""
    seen = {"resourceVersion": lease["metadata"]["resourceVersion"]}
    try:
        api.patch(
            f"{LEASES}/{lease['metadata']['name']}", {"metadata": seen, "spec": {"holderIdentity": None}}
        )
    except ApiError as error:
        if error.status not in (404, 409):
            raise


def eventually(holds: Callable[[], bool], within: float, pause: float = 0.05) -> bool:
    """Ask again and again until it holds; False when it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
