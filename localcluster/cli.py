"""The command line: options and errors. What a verb does is in `verbs`.

Progress goes to stderr; stdout holds what a script wants, in `up` the kubeconfig path as its last line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from localcluster import faults, verbs
from localcluster.errors import LocalClusterError


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localcluster",
        description="A real Kubernetes control plane with simulated nodes on this machine.",
    )
    verb_parsers = parser.add_subparsers(metavar="VERB", required=True)

    def add(name: str, verb: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = verb_parsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(verb=verb)
        made.add_argument("--name", default="default", help="which cluster (default: %(default)s)")
        made.add_argument(
            "--state-dir", type=Path, help="folder of its kubeconfig and logs (default: by name)"
        )
        return made

    made = add("build", verbs.build, "build every binary into the cache, once, and print the folder")
    made.add_argument(
        "--real-nodes", action="store_true", help="what real nodes need, too: four minutes more"
    )
    made = add("up", verbs.up, "start a cluster and print its kubeconfig as the last line")
    made.add_argument("--nodes", type=int, help="simulated nodes (default: what the fleet says; 0: none)")
    made.add_argument("--fleet", help="a fleet file, or the name of a shipped one: see localcluster/fleets")
    made.add_argument(
        "--feature",
        action="append",
        default=[],
        metavar="GATE[=false]",
        help="a feature gate; in-tree-gang stands for kube-scheduler's own gang scheduling (repeatable)",
    )
    made.add_argument(
        "--real-nodes", type=int, default=0, metavar="N", help="real nodes beside them (root; default: none)"
    )
    made.add_argument(
        "--real-device",
        action="append",
        default=[],
        metavar="RESOURCE=COUNT",
        help="fake devices of each real node (repeatable; default: nvidia.com/gpu=4)",
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
    add("down", verbs.down, "end a cluster: everything it started, nothing else")
    add(
        "path",
        verbs.path,
        "print the folder of kubectl, helm and the other binaries, building them if needed",
    )
    add("env", verbs.env, 'print shell exports: eval "$(python -m localcluster env)"')
    add("status", verbs.status, "show components and count ready nodes")
    add("logs", verbs.logs, "print the paths of the log files")
    add("writes", verbs.writes, "count API writes by who, verb and resource (needs up --audit)")
    made = add("kwok-scale", verbs.kwok_scale, "create and delete simulated nodes until there are so many")
    made.add_argument("count", type=int)
    made.add_argument("--fleet", help="as for `up` (default: mixed)")
    _on_any_cluster(made)
    for verb_name, verb, text in (
        ("kill", verbs.kill, "kill a component; it stays down"),
        ("start", verbs.start, "start a component that was killed"),
    ):
        add(verb_name, verb, text).add_argument("component", help="as `status` lists them")
    made = add(
        "node-fail",
        verbs.node_fail,
        "make a node fail; a real one is cut off, or loses its container runtime",
    )
    made.add_argument("node")
    hows = [how.value for how in faults.NodeFailure]
    made.add_argument("--how", choices=hows, default=hows[0], help="default: %(default)s")
    _on_any_cluster(made)
    made = add("node-heal", verbs.node_heal, "bring a failed node back")
    made.add_argument("node")
    _on_any_cluster(made)
    made = add("node-kill", verbs.node_kill, "cut the power of a real node; node-heal starts it again")
    made.add_argument("node")
    made = add("load-image", verbs.load_image, "import an image archive (OCI or docker) into every real node")
    made.add_argument("archive", type=Path)
    made = add(
        "device-fail", verbs.device_fail, "make so many devices of a node unhealthy: allocatable drops"
    )
    made.add_argument("node")
    made.add_argument("resource", help="for example nvidia.com/gpu")
    made.add_argument("count", type=int)
    _on_any_cluster(made)
    made = add("device-heal", verbs.device_heal, "make all devices of a node healthy")
    made.add_argument("node")
    made.add_argument("resource")
    _on_any_cluster(made)
    made = add("pod-fail", verbs.pod_fail, "end a running simulated pod as failed")
    made.add_argument("pod", help="[NAMESPACE/]NAME")
    made.add_argument("--exit-code", type=int, default=1)
    _on_any_cluster(made)
    return parser


def _on_any_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", type=Path, help="any cluster that runs kwok, in place of a local one")
