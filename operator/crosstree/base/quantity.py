"""Kubernetes quantities as integers: devices and bytes whole, CPU in millicores.

Parsing rounds up, as kube-scheduler does, so that a request is never counted smaller than it is.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from crosstree.base.errors import SpecError

_SUFFIX = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_LARGEST = Decimal(2**63 - 1)
_BYTES = ("memory", "ephemeral-storage", "hugepages-")
_FORM = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i|)$")


def parse(text: str | int | float, resource: str) -> int:
    """Return the amount of `resource` in its integer unit: millicores for cpu, else units or bytes.

    Raises:
        SpecError: the text is not a Kubernetes quantity.
    """
    scale = 1000 if resource == "cpu" else 1
    if isinstance(text, int):
        return text * scale
    found = _FORM.match(str(text).strip())
    if not found or found[2] not in _SUFFIX:
        raise SpecError(f"{text!r} is not a quantity of {resource}; write for example 8, 500m or 64Gi.")
    try:
        amount = Decimal(found[1]) * _SUFFIX[found[2]] * scale
        if abs(amount) > _LARGEST:
            raise SpecError(f"{text!r} of {resource} is more than Kubernetes can count.")
    except ArithmeticError as error:
        raise SpecError(
            f"{text!r} is not a quantity of {resource}; write for example 8, 500m or 64Gi."
        ) from error
    return math.ceil(amount)


def told(amount: int, resource: str) -> str:
    """Write an amount for people: `64Gi` of memory, `0.5` of cpu, `8` of anything else; cut off after a tenth.

    Args:
        amount: In the integer unit of the resource, as `parse` returns it; never negative.
        resource: Its name; memory, ephemeral-storage and hugepages are bytes.
    """
    if resource == "cpu":
        return f"{amount / 1000:.15g}"
    if not resource.startswith(_BYTES):
        return str(amount)
    for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        if amount >= _SUFFIX[suffix]:
            return f"{amount * 10 // int(_SUFFIX[suffix]) / 10:g}{suffix}"
    return str(amount)
