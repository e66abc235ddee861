"""Events of JobQueue objects."""

from __future__ import annotations

from typing import Any

import kopf

from crosstree.base.names import GROUP, VERSION
from crosstree.controllers.intake import Intake, hear


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Hear of every JobQueue."""

    @kopf.on.event(GROUP, VERSION, "jobqueues", id="jobqueues", registry=registry)
    async def queue(event: kopf.RawEvent, **_: Any) -> None:
        hear(intake, "JobQueue", event)
