"""Events of TrainingJob objects."""

from __future__ import annotations

from typing import Any

import kopf

from crosstree.base.names import GROUP, VERSION
from crosstree.controllers.intake import Intake, hear


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Hear of every TrainingJob."""

    @kopf.on.event(GROUP, VERSION, "trainingjobs", id="trainingjobs", registry=registry)
    async def job(event: kopf.RawEvent, **_: Any) -> None:
        hear(intake, "TrainingJob", event)
