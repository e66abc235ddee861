"""The command line. One function per verb; what they do is done elsewhere.

Progress goes to stderr; stdout holds what a script wants, in `up` the kubeconfig path as its last line.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from localcluster import components, faults, kubeconfig, nodes, records
from localcluster.api import Api
from localcluster.build import ensure_built
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError, NotRunning
from localcluster.fleet import Fleet
from localcluster.progress import Lines, clock, told


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one verb; errors meant for the user become one message and exit code 1."""
    options = _parser().parse_args(arguments)
    verb: Callable[[argparse.Namespace], None] = options.verb
    try:
        verb(options)
    except LocalClusterError as error:
        print(f"localcluster: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    sys.exit(0)


# -- verbs ---------------------------------------------------------------------------------------------------------


def build(options: argparse.Namespace) -> None:
    print(ensure_built(Lines()))


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
    faults.fail_node(_api(options), options.node, faults.NodeFailure(options.how))


def node_heal(options: argparse.Namespace) -> None:
    faults.heal_node(_api(options), options.node)


def device_fail(options: argparse.Namespace) -> None:
    faults.fail_devices(_api(options), options.node, options.resource, options.count)


def device_heal(options: argparse.Namespace) -> None:
    faults.fail_devices(_api(options), options.node, options.resource, 0)


def pod_fail(options: argparse.Namespace) -> None:
    namespace, _, name = options.pod.rpartition("/")
    faults.fail_pod(_api(options), namespace or "default", name, options.exit_code)


# -- options -------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localcluster",
        description="A real Kubernetes control plane with simulated nodes on this machine.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def add(name: str, verb: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(verb=verb)
        made.add_argument("--name", default="default", help="which cluster (default: %(default)s)")
        made.add_argument(
            "--state-dir", type=Path, help="folder of its kubeconfig and logs (default: by name)"
        )
        return made

    add("build", build, "build every binary into the cache, once, and print the folder")
    made = add("up", up, "start a cluster and print its kubeconfig as the last line")
    made.add_argument("--nodes", type=int, help="simulated nodes (default: what the fleet says; 0: none)")
    made.add_argument("--fleet", help="a fleet file, or the name of a shipped one: see localcluster/fleets")
    made.add_argument(
        "--feature",
        action="append",
        default=[],
        metavar="GATE[=false]",
        help="a feature gate; in-tree-gang stands for kube-scheduler's own gang scheduling (repeatable)",
    )
    made.add_argument("--audit", action="store_true", help="log every write; read it with the verb `writes`")
    made.add_argument(
        "--lease-seconds", type=int, help="lifetime of node leases (default: 40, 240 from 200 nodes)"
    )
    made.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="COMPONENT=ARGUMENT",
        help="one more argument for a component, e.g. kube-scheduler=-v=4 (repeatable)",
    )
    made.add_argument("--reuse", action="store_true", help="if it is up already, just print its kubeconfig")
    add("down", down, "end a cluster: everything it started, nothing else")
    add("path", path, "print the folder of kubectl, helm and the other binaries, building them if needed")
    add("env", env, 'print shell exports: eval "$(python -m localcluster env)"')
    add("status", status, "show components and count ready nodes")
    add("logs", logs, "print the paths of the log files")
    add("writes", writes, "count API writes by who, verb and resource (needs up --audit)")
    made = add("kwok-scale", kwok_scale, "create and delete simulated nodes until there are so many")
    made.add_argument("count", type=int)
    made.add_argument("--fleet", help="as for `up` (default: mixed)")
    _on_any_cluster(made)
    for verb_name, verb, text in (
        ("kill", kill, "kill a component; it stays down"),
        ("start", start, "start a component that was killed"),
    ):
        add(verb_name, verb, text).add_argument("component", choices=components.START_ORDER)
    made = add("node-fail", node_fail, "make a simulated node fail")
    made.add_argument("node")
    hows = [how.value for how in faults.NodeFailure]
    made.add_argument("--how", choices=hows, default=hows[0], help="default: %(default)s")
    _on_any_cluster(made)
    made = add("node-heal", node_heal, "bring a failed simulated node back")
    made.add_argument("node")
    _on_any_cluster(made)
    made = add("device-fail", device_fail, "make so many devices of a node unhealthy: allocatable drops")
    made.add_argument("node")
    made.add_argument("resource", help="for example nvidia.com/gpu")
    made.add_argument("count", type=int)
    _on_any_cluster(made)
    made = add("device-heal", device_heal, "make all devices of a node healthy")
    made.add_argument("node")
    made.add_argument("resource")
    _on_any_cluster(made)
    made = add("pod-fail", pod_fail, "end a running simulated pod as failed")
    made.add_argument("pod", help="[NAMESPACE/]NAME")
    made.add_argument("--exit-code", type=int, default=1)
    _on_any_cluster(made)
    return parser


def _on_any_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", type=Path, help="any cluster that runs kwok, in place of a local one")


def _api(options: argparse.Namespace) -> Api:
    if options.kubeconfig:
        return kubeconfig.connect(options.kubeconfig)
    return Cluster.attach(options.name, options.state_dir).api


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
