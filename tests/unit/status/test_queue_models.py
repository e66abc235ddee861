"""Which models of a JobQueue it says that nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from crosstree.core.calendar import Booking
from crosstree.core.cluster import Queue
from crosstree.core.queues import ANY_MODEL, Budget, Quota
from crosstree.status.queue_models import doubt

KNOWN = {"nvidia-h100-sxm", "amd-mi300x"}


def a_queue(**spec: Any) -> Queue:
    return Queue("team", "uid-team", 1, "1", 0.0, **spec)


def naming(model: str) -> dict[str, Any]:
    """Every field of a spec that names a model, with this one."""
    return {
        "quotas": (Quota(model, limit=8),),
        "rates": ((model, 2.0),),
        "budgets": (Budget(model, 3600.0),),
        "calendar": (Booking("b", model, 8, 0.0, 3600.0),),
    }


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("quotas", "spec.quotas"),
        ("rates", "spec.exchangeRates"),
        ("budgets", "spec.budgets"),
        ("calendar", "spec.calendar"),
    ],
)
def test_a_model_that_nobody_knows_is_told_with_the_field_that_names_it(field: str, told: str):
    said = doubt(a_queue(**{field: naming("nvidia-h100-smx")[field]}), KNOWN)
    assert said.startswith(f"{told} names 'nvidia-h100-smx': no AcceleratorPool has such a model")
    assert said.endswith("Spelled like it: nvidia-h100-sxm.")


def test_all_fields_that_name_it_are_told_together():
    said = doubt(a_queue(**naming("nvidia-h100-smx")), KNOWN)
    assert said.startswith(
        "spec.quotas, spec.exchangeRates, spec.budgets and spec.calendar name 'nvidia-h100-smx': "
    )


def test_models_that_are_known_and_all_together_leave_no_doubt():
    assert doubt(a_queue(**naming("amd-mi300x")), KNOWN) == ""
    every = a_queue(quotas=(Quota(ANY_MODEL, limit=8),), budgets=(Budget(ANY_MODEL, 3600.0),))
    assert doubt(every, KNOWN) == ""
