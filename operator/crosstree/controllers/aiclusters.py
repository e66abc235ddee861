"""Events of AICluster objects."""

from __future__ import annotations

from typing import Any

import kopf

from crosstree.base.names import GROUP, VERSION
from crosstree.controllers.intake import Intake, hear


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Hear of every AICluster."""

    @kopf.on.event(GROUP, VERSION, "aiclusters", id="aiclusters", registry=registry)
    async def cluster(event: kopf.RawEvent, **_: Any) -> None:
        hear(intake, "AICluster", event)
