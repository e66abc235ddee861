"""What each launch contract gives a worker."""

from __future__ import annotations

import pytest

from crosstree.base.errors import SpecError
from crosstree.frameworks import FRAMEWORKS, WorkerContext, common_env, framework, is_reserved

WORKER = WorkerContext(job="train", index=3, workers=16, per_worker=8, attempt=2)


def test_every_worker_knows_itself_its_gang_and_rank_0() -> None:
    assert common_env(WORKER) == {
        "CROSSTREE_JOB_NAME": "train",
        "CROSSTREE_ATTEMPT": "2",
        "CROSSTREE_INDEX": "3",
        "CROSSTREE_WORKERS": "16",
        "CROSSTREE_MASTER": "train-worker-0.train",
    }


def test_pytorch_gets_the_arguments_of_a_static_torchrun() -> None:
    assert framework("pytorch").env(WORKER) == {
        "PET_NNODES": "16",
        "PET_NPROC_PER_NODE": "8",
        "PET_NODE_RANK": "3",
        "PET_MASTER_ADDR": "train-worker-0.train",
        "PET_MASTER_PORT": "29500",
        "TORCHELASTIC_ERROR_FILE": "/dev/termination-log",
    }


def test_pytorch_on_cpu_runs_one_process_per_worker() -> None:
    assert framework("pytorch").env(WorkerContext("t", 0, 1, 0, 1))["PET_NPROC_PER_NODE"] == "1"


def test_pytorch_leaves_rank_and_world_size_to_torchrun() -> None:
    assert not {"RANK", "WORLD_SIZE", "LOCAL_RANK"} & framework("pytorch").env(WORKER).keys()


def test_custom_gets_nothing_more() -> None:
    assert framework("custom").env(WORKER) == {}


@pytest.mark.parametrize(
    ("name", "variable", "reserved"),
    [
        ("pytorch", "PET_NNODES", True),
        ("pytorch", "TORCHELASTIC_ERROR_FILE", False),
        ("pytorch", "CROSSTREE_INDEX", True),
        ("custom", "PET_NNODES", False),
        ("custom", "CROSSTREE_ANYTHING", True),
        ("custom", "PATH", False),
    ],
)
def test_reserved_names(name: str, variable: str, reserved: bool) -> None:
    assert is_reserved(framework(name), variable) is reserved


def test_every_variable_a_framework_sets_is_reserved_or_gives_way() -> None:
    may_give_way = {"TORCHELASTIC_ERROR_FILE"}
    for plugin in FRAMEWORKS.values():
        names = {name for name in plugin.env(WORKER) if not is_reserved(plugin, name)}
        assert names <= may_give_way, plugin.name


def test_an_unknown_framework_is_named_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match="'chainer'; name one of custom, pytorch"):
        framework("chainer")
