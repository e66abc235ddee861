"""What is decided about real nodes before anything starts. No root, no processes."""

from __future__ import annotations

import json
import os
import tarfile
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from localcluster import Cluster, FleetError, RealNode, StartError
from localcluster.realnode import cgroups, commands, config, images, missing, network, plan, requirements
from localcluster.realnode.plan import Plan


def a_plan(folder: Path = Path("nodes"), count: int = 3) -> Plan:
    nodes = plan.nodes_of(count, {"nvidia.com/gpu": 4})
    here = Path("bin")
    return Plan(folder, "172.16.32.0/19", "lc1", (Path("cgroup/cpu"),), nodes, here, here, 18443)


def test_addresses_of_nodes_and_pods_lie_in_the_block_and_never_overlap() -> None:
    here = a_plan(count=plan.MOST)
    block = IPv4Network(here.block)
    pods = [IPv4Network(here.pods(node.name)) for node in here.nodes]
    bridge = IPv4Network("172.16.32.0/24")

    assert all(network.subnet_of(block) for network in pods)
    assert not any(a.overlaps(b) for a in pods for b in [bridge, *pods] if a is not b)
    assert len({here.address(node.name) for node in here.nodes}) == plan.MOST


def test_plan_survives_being_written_down(tmp_path: Path) -> None:
    here = a_plan(tmp_path)
    here.save()

    assert plan.load(tmp_path) == here


def test_blocks_that_this_machine_has_a_route_to_are_passed_over() -> None:
    used = [IPv4Network("172.16.0.0/18"), IPv4Network("172.16.64.7/32"), IPv4Network("10.0.0.0/8")]

    assert next(network.candidates(used)) == ("lc3", "172.16.96.0/19")


def test_longest_names_fit_into_the_fifteen_characters_of_a_link() -> None:
    bridge = [name for name, _ in network.candidates([])][-1]
    assert len(f"{bridge}n{plan.MOST - 1}") <= 15


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (plan.MOST + 1, "more than the 30"),
        ([RealNode("a"), RealNode("a")], "the same name"),
        (-1, "negative"),
    ],
)
def test_impossible_nodes_are_refused(wanted: int | list[RealNode], says: str) -> None:
    with pytest.raises(FleetError, match=says):
        Cluster(real_nodes=wanted)


def test_unknown_node_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FleetError, match=r"real-0, real-1, real-2"):
        a_plan().address("real-7")


def test_every_part_of_every_node_has_a_command_of_its_own() -> None:
    found = commands.commands(a_plan(count=2))

    assert list(found) == [
        "dns",
        *("real-0", "real-0-containerd", "real-0-kubelet", "real-0-plugin"),
        *("real-1", "real-1-containerd", "real-1-kubelet", "real-1-plugin"),
    ]


def test_pods_ask_the_bridge_for_names_and_get_addresses_of_their_node() -> None:
    here = a_plan()

    assert json.loads(config.kubelet(here, "real-1", Path("resolv")))["clusterDNS"] == ["172.16.32.1"]
    assert '"172.16.34.0/24"' in config.cni(here, "real-1")


def test_image_archive_holds_the_files_and_is_the_same_each_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("text")
    for name in ("one.tar", "two.tar"):
        images.write(tmp_path / name, "example.com/x:1", {"usr/bin/x": program}, ["/usr/bin/x"])

    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        index = json.loads(tar.extractfile("index.json").read())  # type: ignore[union-attr]
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "example.com/x:1"


def test_what_is_missing_is_named_with_the_command_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "nowhere")
    if os.geteuid() != 0:
        assert "root" in missing() and "sudo" in missing()
    elif "CAP_" not in missing():
        assert "containerd" in missing() and "apt-get install" in missing()
    with pytest.raises(StartError, match="real nodes need"):
        requirements.need()


def test_control_groups_of_a_cluster_are_named_as_its_bridge() -> None:
    assert a_plan().node_cgroups("real-1") == [Path("cgroup/cpu/lc1/real-1")]
    assert bool(cgroups.hierarchies()) != cgroups.unified()
