"""Level 2: launch contracts. What a training framework wants to find in its workers' environment, as values.

One small pure plugin per framework, each satisfying `protocol.Framework`; adding one is a file and a line here.
Nothing below knows pods, services or the API: `manifests/` puts the values where they belong.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from crosstree.base.errors import SpecError
from crosstree.frameworks.custom import Custom
from crosstree.frameworks.protocol import (
    COMMON_PREFIX,
    Framework,
    Port,
    WorkerContext,
    common_env,
    is_reserved,
)
from crosstree.frameworks.pytorch import PyTorch

__all__ = [
    "COMMON_PREFIX",
    "FRAMEWORKS",
    "Framework",
    "Port",
    "WorkerContext",
    "common_env",
    "framework",
    "is_reserved",
]

FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {plugin.name: plugin for plugin in (PyTorch(), Custom())},
)
"""Every launch contract by the name that `spec.framework.name` uses."""


def framework(name: str) -> Framework:
    """Return the launch contract of a framework.

    Raises:
        SpecError: there is none of that name.
    """
    try:
        return FRAMEWORKS[name]
    except KeyError as error:
        known = ", ".join(sorted(FRAMEWORKS))
        raise SpecError(f"spec.framework.name is {name!r}; name one of {known}.") from error
