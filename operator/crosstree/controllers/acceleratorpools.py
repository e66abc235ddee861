"""Events of AcceleratorPool objects."""

from __future__ import annotations

from typing import Any

import kopf

from crosstree.base.names import GROUP, VERSION
from crosstree.controllers.intake import Intake, hear


def register(registry: kopf.OperatorRegistry, intake: Intake) -> None:
    """Hear of every AcceleratorPool."""

    @kopf.on.event(GROUP, VERSION, "acceleratorpools", id="acceleratorpools", registry=registry)
    async def pool(event: kopf.RawEvent, **_: Any) -> None:
        hear(intake, "AcceleratorPool", event)
