"""The verbs of the command line, one function each; what they do is done elsewhere."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from localcluster import components, faults, kubeconfig, nodes, records
from localcluster.api import Api
from localcluster.build import ensure_built, ensure_nodes_built
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError, NotRunning
from localcluster.fleet import Fleet
from localcluster.progress import Lines, clock, told
from localcluster.realnode.node import Node


def build(options: argparse.Namespace) -> None:
    binaries = ensure_built(Lines())
    if options.real_nodes:
        ensure_nodes_built(Lines())
    print(binaries)


def up(options: argparse.Namespace) -> None:
    reporter = Lines()
    cluster = Cluster(
        name=options.name,
        state=options.state_dir,
        fleet=Fleet.load(options.fleet) if options.fleet else None,
        nodes=options.nodes,
        features=_features(options.feature),
        audit=options.audit,
        lease_seconds=options.lease_seconds,
        component_args=_component_args(options.arg),
        real_nodes=options.real_nodes,
        real_devices=_devices(options.real_device),
        reporter=reporter,
    )
    if options.reuse:
        try:
            print(Cluster.attach(options.name, options.state_dir).kubeconfig)
            return
        except NotRunning:
            pass
    cluster.up().detach()
    name = "" if options.name == "default" else f" NAME={options.name}"
    print(f"{clock(reporter.total()):>8}  in all; end it with: make cluster-down{name}", file=sys.stderr)
    print(cluster.kubeconfig)


def down(options: argparse.Namespace) -> None:
    reporter = Lines()
    try:
        cluster = Cluster.attach(options.name, options.state_dir)
    except NotRunning as error:
        records.sweep()
        records.forget(_state(options))
        print(f"localcluster: nothing to do: {error}", file=sys.stderr)
        return
    with told(reporter):
        reporter.phase(f"end cluster {options.name!r}")
        cluster.close()
    print(
        f"its logs and kubeconfig stay in {cluster.state}, until the next one of this name", file=sys.stderr
    )


def path(options: argparse.Namespace) -> None:
    print(ensure_built(Lines()))


def env(options: argparse.Namespace) -> None:
    cluster = Cluster.attach(options.name, options.state_dir)
    print(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")
    print(f"export PATH={shlex.quote(str(cluster.bin))}:$PATH")


def status(options: argparse.Namespace) -> None:
    cluster = Cluster.attach(options.name, options.state_dir)
    for name, child in cluster.components().items():
        print(f"{name:26}{child.pid if child.exit is None else f'ended with {child.exit}'}")
    alive = sum(map(nodes.ready, nodes.simulated_nodes(cluster.api)))
    print(f"{'simulated nodes ready':26}{alive}")
    for name in cluster.real_nodes:
        is_ready = nodes.ready(cluster.api.get(f"/api/v1/nodes/{name}"))
        print(f"{name:26}{'Ready' if is_ready else 'not Ready'} (real)")


def logs(options: argparse.Namespace) -> None:
    for file in sorted((_state(options) / "logs").glob("*.log")):
        print(file)


def writes(options: argparse.Namespace) -> None:
    for what, count in Cluster.attach(options.name, options.state_dir).writes().items():
        print(f"{count:8}  {what}")


def kwok_scale(options: argparse.Namespace) -> None:
    fleet = Fleet.load(options.fleet) if options.fleet else Fleet.default()
    reporter = Lines()
    with told(reporter):
        reporter.phase(f"scale simulated nodes to {options.count}")
        api = _api(options)
        made, gone = nodes.scale(api, fleet.nodes(options.count), reporter)
        nodes.wait_ready(api, options.count, reporter=reporter)
    print(f"{made} created, {gone} deleted", file=sys.stderr)


def kill(options: argparse.Namespace) -> None:
    Cluster.attach(options.name, options.state_dir).kill(options.component)


def start(options: argparse.Namespace) -> None:
    Cluster.attach(options.name, options.state_dir).start_component(options.component)


def node_fail(options: argparse.Namespace) -> None:
    how = faults.NodeFailure(options.how)
    if (node := _real(options)) is None:
        faults.fail_node(_api(options), options.node, how)
    elif how is faults.NodeFailure.NOT_READY:
        node.stop_containerd()
    else:
        node.partition()


def node_heal(options: argparse.Namespace) -> None:
    if (node := _real(options)) is None:
        faults.heal_node(_api(options), options.node)
    else:
        node.start()
        node.heal()


def node_kill(options: argparse.Namespace) -> None:
    Cluster.attach(options.name, options.state_dir).node(options.node).kill()


def device_fail(options: argparse.Namespace) -> None:
    _unhealthy(options, options.count)


def device_heal(options: argparse.Namespace) -> None:
    _unhealthy(options, 0)


def _unhealthy(options: argparse.Namespace, count: int) -> None:
    if (node := _real(options)) is None:
        faults.fail_devices(_api(options), options.node, options.resource, count)
    else:
        node.fail_devices(options.resource, count)


def load_image(options: argparse.Namespace) -> None:
    Cluster.attach(options.name, options.state_dir).load_image(options.archive)


def pod_fail(options: argparse.Namespace) -> None:
    namespace, _, name = options.pod.rpartition("/")
    faults.fail_pod(_api(options), namespace or "default", name, options.exit_code)


# -- from options to arguments ------------------------------------------------------------------------------------


def _api(options: argparse.Namespace) -> Api:
    if options.kubeconfig:
        return kubeconfig.connect(options.kubeconfig)
    return Cluster.attach(options.name, options.state_dir).api


def _real(options: argparse.Namespace) -> Node | None:
    """The real node that is meant; None when it is a simulated one, or the cluster is not ours."""
    if options.kubeconfig:
        return None
    cluster = Cluster.attach(options.name, options.state_dir)
    return cluster.node(options.node) if options.node in cluster.real_nodes else None


def _state(options: argparse.Namespace) -> Path:
    return Cluster(name=options.name, state=options.state_dir).state


def _features(given: list[str]) -> dict[str, bool]:
    gates: dict[str, bool] = {}
    for entry in given:
        gate, _, value = entry.partition("=")
        if gate == "in-tree-gang":
            gates |= components.IN_TREE_GANG
        else:
            gates[gate] = value.lower() != "false"
    return gates


def _devices(given: list[str]) -> dict[str, int]:
    found = {}
    for entry in given or ["nvidia.com/gpu=4"]:
        resource, _, count = entry.rpartition("=")
        if not resource or not count.isdecimal():
            raise LocalClusterError(f"--real-device {entry!r}: write RESOURCE=COUNT, as in nvidia.com/gpu=4.")
        found[resource] = int(count)
    return found


def _component_args(given: list[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in given:
        component, _, argument = entry.partition("=")
        if component not in components.START_ORDER:
            raise LocalClusterError(
                f"--arg {entry!r} names no component; write COMPONENT=ARGUMENT with one of "
                f"{', '.join(components.START_ORDER)}."
            )
        found.setdefault(component, []).append(argument)
    return found
