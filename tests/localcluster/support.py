"""What the tests of localcluster share: a small fleet, a pod, waiting for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from localcluster import Fleet
from localcluster.api import Json

T = TypeVar("T")

SMALL = Fleet.parse(
    {
        "groups": [
            {
                "profile": "nvidia-h100-sxm-8",
                "count": 6,
                "fabric": {"style": "topograph-legacy", "leafSize": 2},
            }
        ]
    }
)


def eventually(read: Callable[[], T], holds: Callable[[T], object], within: float = 20) -> T:
    """Read until it holds; fail with the last thing read."""
    deadline = time.monotonic() + within
    while True:
        found = read()
        if holds(found):
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within} s; last seen: {found}")
        time.sleep(0.05)


def a_pod(name: str, *, node: str | None = None, gpus: int = 0, **annotations: str) -> Json:
    """A pod; annotations are those of localcluster.dev, with underscores for dashes."""
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    spec: Json = {
        "restartPolicy": "Never",
        "containers": [{"name": "trainer", "image": "none", "resources": {"limits": limits}}],
    }
    if node:
        spec["nodeName"] = node
    told = {f"localcluster.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {"metadata": {"name": name, "annotations": told}, "spec": spec}
